// SPDX-License-Identifier: MIT
/** Triggers that wait for one of several events of a kind, across the runs that they are armed for. */
import type { RunReport, Trigger } from './contract.js';
import { countReaching } from './sector-range.js';

/** How many events `when` still waits for after a run. It has come in that run when this is 0 or less. */
export function occurrencesLeft(
  when: Extract<Trigger, { on: 'marker' | 'writeTo' }>,
  { markers, writes }: Pick<RunReport, 'markers' | 'writes'>,
): number {
  const passed =
    when.on === 'writeTo'
      ? countReaching(when.sectors, writes[when.disk])
      : markers.filter(({ kind }) => kind === when.kind).length;
  return (when.nth ?? 1) - passed;
}
