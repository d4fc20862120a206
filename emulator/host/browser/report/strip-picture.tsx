// SPDX-License-Identifier: MIT
/** A strip of the disk map as a picture in the markup, for a page without programs. */
import type { VNode } from 'preact';
import { cssOf } from '../views/picture.js';
import { ROW_PIXELS, WRITER_COLOURS, WRITERS, type Strip } from '../views/disk-map-model.js';
import { StripFigure, stripLabel } from '../views/strip.js';

export function StripPicture({ strip }: { readonly strip: Strip }): VNode {
  const { volume, pixels } = strip;
  const width = Math.min(ROW_PIXELS, pixels.length);
  const height = Math.ceil(pixels.length / ROW_PIXELS);
  return (
    <StripFigure volume={volume}>
      <svg
        role="img"
        aria-label={stripLabel(strip)}
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
    </StripFigure>
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
