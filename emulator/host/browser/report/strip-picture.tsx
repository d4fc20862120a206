// SPDX-License-Identifier: MIT
/** A strip of the disk map as a picture in the markup, for a page without programs. */
import type { VNode } from 'preact';
import { cssOf } from '../views/picture.js';
import { ROW_PIXELS, volumeText, WRITER_COLOURS, WRITERS, type Strip } from '../views/disk-map-model.js';

export function StripPicture({ strip: { volume, pixels } }: { readonly strip: Strip }): VNode {
  const width = Math.min(ROW_PIXELS, pixels.length);
  const height = Math.ceil(pixels.length / ROW_PIXELS);
  return (
    <figure class="strip">
      <figcaption>
        {volumeText(volume)} <span class="dim">{Number((volume.sectors / 2048).toFixed(1))} MiB</span>
      </figcaption>
      <svg
        role="img"
        aria-label={`map of ${volume.device}; the table has the numbers`}
        width={2 * width}
        height={2 * height}
        viewBox={`0 0 ${width} ${height}`}
        shape-rendering="crispEdges"
      >
        {WRITERS.map((writer, number) => {
          const path = pathOf(pixels, number);
          return path === '' ? null : <path key={writer} fill={cssOf(WRITER_COLOURS[writer])} d={path} />;
        })}
      </svg>
    </figure>
  );
}

/** A rectangle for each run of pixels of this number within a row. */
export function pathOf(pixels: Uint8Array, number: number): string {
  let path = '';
  for (let from = 0; from < pixels.length;) {
    const rowEnd = Math.min(pixels.length, from - (from % ROW_PIXELS) + ROW_PIXELS);
    let to = from;
    while (to < rowEnd && pixels[to] === pixels[from]) to++;
    if (pixels[from] === number) {
      const length = to - from;
      path += `M${from % ROW_PIXELS} ${Math.floor(from / ROW_PIXELS)}h${length}v1h-${length}z`;
    }
    from = to;
  }
  return path;
}
