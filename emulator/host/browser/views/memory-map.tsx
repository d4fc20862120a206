// SPDX-License-Identifier: MIT
/** The memory map: each page a pixel, a legend, and what is known of one page. */
import type { VNode } from 'preact';
import type { MemoryShown, PageShown } from '../session/memory-reader.js';
import { bytesText, frameAt, legendOf, pictureOf, type Picture } from './memory-map-model.js';
import { durationText } from './timeline-model.js';

export interface MemoryMapProps {
  /** Undefined while there is nothing to see. */
  readonly memory: MemoryShown | undefined;
  readonly page: PageShown | undefined;
  /** Undefined when there is no machine to ask any more. */
  readonly onPage: ((frame: number) => void) | undefined;
}

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface Canvas {
  getContext(kind: '2d'): { putImageData(data: unknown, x: number, y: number): void };
  getBoundingClientRect(): { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
}
interface Clicked {
  readonly clientX: number;
  readonly clientY: number;
  readonly currentTarget: unknown;
}
interface Entered {
  readonly currentTarget: unknown;
}
declare const ImageData: new (rgba: Uint8ClampedArray, width: number, height: number) => unknown;

export function MemoryMap({ memory, page, onPage }: MemoryMapProps): VNode | null {
  if (!memory) return null;
  const { kinds, virtualMs } = memory;
  const picture = pictureOf(kinds);
  return (
    <section id="memory" aria-label="memory map">
      <h2>
        Memory <span class="dim">{kinds.length} pages, at {durationText(virtualMs)}</span>
      </h2>
      <div class="map">
        <canvas
          id="memory-map"
          role="img"
          aria-label="map of the memory, a pixel for each page; the table has the numbers"
          width={picture.width}
          height={picture.height}
          ref={(canvas) => draw(canvas as Canvas | null, picture)}
          onClick={(event) => {
            const { clientX, clientY, currentTarget } = event as Clicked;
            const { left, top, width, height } = (currentTarget as Canvas).getBoundingClientRect();
            const frame = frameAt(kinds, (clientX - left) / width, (clientY - top) / height);
            if (frame !== undefined) onPage?.(frame);
          }}
        />
        <table class="legend">
          <tbody>
            {legendOf(kinds).map(({ kind, name, colour, pages }) => (
              <tr key={kind} data-kind={kind}>
                <td>
                  <span class="swatch" style={{ background: colour }} />
                </td>
                <th scope="row">{name}</th>
                <td class="number">{pages}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <label>
        Page frame{' '}
        {/* Without a value: each picture would put it back while somebody types. */}
        <input
          id="frame"
          type="number"
          min={0}
          max={kinds.length - 1}
          disabled={!onPage}
          onChange={(event) => {
            const frame = Number(((event as Entered).currentTarget as { readonly value: string }).value);
            if (Number.isInteger(frame) && frame >= 0 && frame < kinds.length) onPage?.(frame);
          }}
        />
      </label>
      {page && (
        <div id="page" aria-live="polite">
          <p>
            Page frame {page.frame} at {durationText(page.virtualMs)}: {page.owner}
          </p>
          <pre tabIndex={0} aria-label={`bytes of page frame ${page.frame}`}>
            {bytesText(page.bytes, page.frame * page.bytes.length)}
          </pre>
        </div>
      )}
    </section>
  );
}

function draw(canvas: Canvas | null, { rgba, width, height }: Picture): void {
  canvas?.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
}
