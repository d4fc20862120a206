// SPDX-License-Identifier: MIT
/** What a run has written so far, for `RunRequest.onWritten`. */
import type { DiskWrite, RunReport, WriteShown, Written } from './contract.js';
import { SECTOR_BYTES } from './units.js';

/** A write without its bytes. */
export const writeShown = ({ instruction, sector, bytes }: DiskWrite): WriteShown => ({
  instruction,
  sector,
  count: bytes.length / SECTOR_BYTES,
});

/** A run that has not ended. Its lists only become longer. */
export type SoFar = Pick<RunReport, 'markers' | 'writes' | 'instructions' | 'virtualMs'>;

/** For one run: answers what it has done since the last call; undefined when there is neither a write nor a marker. */
export function createNews(): (soFar: SoFar) => Written | undefined {
  let markersTold = 0;
  let writesTold: readonly number[] = [];
  return ({ markers, writes, instructions, virtualMs }) => {
    const newMarkers = markers.slice(markersTold);
    const newWrites = writes.map((of, disk) => of.slice(writesTold[disk] ?? 0).map(writeShown));
    markersTold = markers.length;
    writesTold = writes.map((of) => of.length);
    const hasNews = newMarkers.length > 0 || newWrites.some((of) => of.length > 0);
    return hasNews ? { markers: newMarkers, writes: newWrites, instructions, virtualMs } : undefined;
  };
}
