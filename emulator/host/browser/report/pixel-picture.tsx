// SPDX-License-Identifier: MIT
/** Maps as pictures in the markup, for a page without programs: with the colours, legends and rows of the page with a machine. */
import type { VNode } from 'preact';
import { PAGE_KINDS } from '../../../memory/kinds.js';
import { cssOf } from '../views/picture.js';
import { ROW_PIXELS, WRITER_COLOURS, WRITERS, type Strip } from '../views/disk-map-model.js';
import { KIND_COLOURS, ROW_PAGES } from '../views/memory-map-model.js';
import { MEMORY_LABEL, MemoryLegend } from '../views/memory-legend.js';
import { StripFigure, stripLabel } from '../views/strip.js';

const WRITER_CSS = WRITERS.map((writer) => cssOf(WRITER_COLOURS[writer]));
const KIND_CSS = PAGE_KINDS.map((kind) => cssOf(KIND_COLOURS[kind]));

/** A strip of the disk map. */
export const StripPicture = ({ strip }: { readonly strip: Strip }): VNode => (
  <StripFigure volume={strip.volume}>
    <PixelPicture numbers={strip.pixels} colours={WRITER_CSS} perRow={ROW_PIXELS} label={stripLabel(strip)} />
  </StripFigure>
);

/** The memory map, with its legend. `kinds`: numbers of `PAGE_KINDS`, by frame. */
export const MemoryPicture = ({ kinds }: { readonly kinds: Uint8Array }): VNode => (
  <div class="map">
    <PixelPicture numbers={kinds} colours={KIND_CSS} perRow={ROW_PAGES} label={MEMORY_LABEL} />
    <MemoryLegend kinds={kinds} />
  </div>
);

interface PixelProps {
  /** Of the colour of each pixel. */
  readonly numbers: Uint8Array;
  /** As in CSS. */
  readonly colours: readonly string[];
  readonly perRow: number;
  /** For who does not see it. */
  readonly label: string;
}

function PixelPicture({ numbers, colours, perRow, label }: PixelProps): VNode {
  const width = Math.min(perRow, numbers.length);
  const height = Math.ceil(numbers.length / perRow);
  return (
    <svg
      role="img"
      aria-label={label}
      width={2 * width}
      height={2 * height}
      // A line of width 1 has half of it on either side.
      viewBox={`0 -0.5 ${width} ${height}`}
      shape-rendering="crispEdges"
    >
      {colours.map((colour, number) => {
        const path = pathOf(numbers, number, perRow);
        return path === '' ? null : <path key={number} stroke={colour} d={path} />;
      })}
    </svg>
  );
}

/** A line for each run of pixels of this number within a row. */
export function pathOf(pixels: Uint8Array, number: number, perRow: number): string {
  let path = '';
  for (let from = 0; from < pixels.length;) {
    const rowEnd = Math.min(pixels.length, from - (from % perRow) + perRow);
    let to = from;
    while (to < rowEnd && pixels[to] === pixels[from]) to++;
    if (pixels[from] === number) path += `M${from % perRow} ${Math.floor(from / perRow)}h${to - from}`;
    from = to;
  }
  return path;
}
