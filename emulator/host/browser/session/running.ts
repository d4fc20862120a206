// SPDX-License-Identifier: MIT
/** What the machine of a run has written since the cycle has told all of it, so that the disk map need not wait for the end of a step. */
import type { MachineShown } from '../../../cycle/machines.js';
import type { Written } from '../../../machine/contract.js';
import { endMs } from './elapsed.js';

/** Real time between two reports in ms. A picture of large disks takes the page a tenth of that. */
const TELL_EVERY_MS = 100;

export interface WrittenTeller {
  /** A machine, 1 for the first, has written. It is told at once, or together with what comes within {@link TELL_EVERY_MS}. */
  readonly add: (machine: number, written: Written) => void;
  /** What has not been told need not be any more: all of it has been told in another way, or the run has ended. */
  readonly forget: () => void;
}

/** `now`: real time in ms. `after`: calls `act` after so many ms, unless its answer is called before. */
export function createWrittenTeller(
  tell: (machine: number, written: Written) => void,
  now: () => number,
  after: (ms: number, act: () => void) => () => void,
): WrittenTeller {
  let kept: { readonly machine: number; readonly written: Written } | undefined;
  let dueMs = -Infinity;
  let stop: (() => void) | undefined;
  const forget = (): void => {
    stop?.();
    [kept, stop] = [undefined, undefined];
  };
  const tellKept = (): void => {
    const told = kept;
    forget();
    if (!told) return;
    dueMs = now() + TELL_EVERY_MS;
    tell(told.machine, told.written);
  };
  return {
    forget,
    add(machine, written) {
      kept = { machine, written: kept?.machine === machine ? joined(kept.written, written) : written };
      const leftMs = dueMs - now();
      if (leftMs <= 0) tellKept();
      else stop ??= after(leftMs, tellKept);
    },
  };
}

/**
 * The machine that runs: where it is, with all its markers, but only with the writes of `before` and `written`.
 * @param machines all machines as they were told. `before`: the answer of the last call since then.
 */
export function withWritten(
  machines: readonly MachineShown[],
  before: MachineShown | undefined,
  number: number,
  written: Written,
): MachineShown {
  if (before?.number === number) return { ...before, ...joined(before, written) };
  const told = machines.find((one) => one.number === number);
  const begun = told ?? { number, startVirtualMs: endMs(machines), markers: [] };
  return { ...begun, ...joined({ markers: begun.markers, writes: [] }, written) };
}

const joined = (before: Pick<Written, 'markers' | 'writes'>, { markers, writes, ...at }: Written): Written => ({
  ...at,
  markers: [...before.markers, ...markers],
  writes: writes.map((of, disk) => [...(before.writes[disk] ?? []), ...of]),
});
