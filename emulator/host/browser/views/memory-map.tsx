// SPDX-License-Identifier: MIT
/** The memory map: each page a pixel, a legend, and what is known of one page. */
import type { VNode } from 'preact';
import type { MemoryShown, PageShown } from '../session/memory-reader.js';
import { Button } from './button.js';
import { fateLegendOf, fatePictureOf } from './fate-model.js';
import { Legend } from './legend.js';
import { MapCanvas } from './map-canvas.js';
import { MEMORY_LABEL, MemoryLegend } from './memory-legend.js';
import { bytesText, frameAt, pictureOf } from './memory-map-model.js';
import type { Painter } from './painter.js';
import { durationText } from './timeline-model.js';
import type { Entered } from './entered.js';

export interface MemoryMapProps {
  readonly painter: Painter;
  /** Undefined while there is nothing to see. */
  readonly memory: MemoryShown | undefined;
  readonly page: PageShown | undefined;
  /** Whether it shows what became of each page by the snapshot, where there has been one, and not what it is used for. */
  readonly isByFate: boolean;
  readonly onByFate: (on: boolean) => void;
  /** Undefined when there is no machine to ask any more. */
  readonly onPage: ((frame: number) => void) | undefined;
}

export function MemoryMap({ painter, memory, page, isByFate, onByFate, onPage }: MemoryMapProps): VNode | null {
  if (!memory) return null;
  const { kinds, fates, virtualMs } = memory;
  const shown = isByFate ? fates : undefined;
  const picture = shown ? fatePictureOf(shown) : pictureOf(kinds);
  return (
    <section id="memory" aria-label="memory map">
      <h2>
        Memory{' '}
        <span class="dim">
          {kinds.length} pages, at {durationText(virtualMs)}
        </span>
      </h2>
      {fates && (
        <Button id="by-fate" isPressed={isByFate} onDo={() => onByFate(!isByFate)}>
          What became of it by the snapshot
        </Button>
      )}
      <div class="map">
        <MapCanvas
          painter={painter}
          picture={picture}
          id="memory-map"
          label={MEMORY_LABEL}
          onPlace={(x, y) => {
            const frame = frameAt(kinds, x, y);
            if (frame !== undefined) onPage?.(frame);
          }}
        />
        {shown ? <Legend rows={fateLegendOf(shown)} /> : <MemoryLegend kinds={kinds} />}
      </div>
      <label>
        Page frame {/* Without a value: each picture would put it back while somebody types. */}
        <input
          id="frame"
          type="number"
          min={0}
          max={kinds.length - 1}
          readOnly={!onPage}
          onChange={(event) => {
            const frame = Number((event as Entered).currentTarget.value);
            if (Number.isInteger(frame) && frame >= 0 && frame < kinds.length) onPage?.(frame);
          }}
        />
      </label>
      {page && (
        <div id="page" aria-live="polite">
          <p>
            Page frame {page.frame} at {durationText(page.virtualMs)}: {page.owner}
          </p>
          {page.copied && (
            <>
              {page.copied.notInImage !== undefined && (
                <p>At the snapshot not in the image: {page.copied.notInImage}</p>
              )}
              <p>At the snapshot, and now:</p>
              <Bytes of="at the snapshot" page={page} bytes={page.copied.bytes} />
            </>
          )}
          <Bytes of="now" page={page} bytes={page.bytes} />
        </div>
      )}
    </section>
  );
}

interface BytesProps {
  readonly page: PageShown;
  readonly bytes: Uint8Array;
  readonly of: string;
}

const Bytes = ({ page: { frame }, bytes, of }: BytesProps): VNode => (
  <pre tabIndex={0} aria-label={`bytes of page frame ${frame} ${of}`}>
    {bytesText(bytes, frame * bytes.length)}
  </pre>
);
