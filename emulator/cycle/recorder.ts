// SPDX-License-Identifier: MIT
/** A machine that records all evidence of its runs. Triggers can be armed in it for longer than a single run. */
import { concat } from '../machine/bytes.js';
import { PowerCut, StallError } from '../machine/errors.js';
import { occurrencesLeft } from '../machine/occurrences.js';
import type {
  Action,
  Capture,
  DiskWrite,
  Machine,
  MarkerSeen,
  RunReport,
  RunRequest,
  Trigger,
  Written,
} from '../machine/contract.js';

export interface ArmedTrigger {
  readonly when: Trigger;
  readonly then: Action;
}

/** The evidence of a machine, oldest first. */
export interface Seen {
  readonly console: Uint8Array;
  readonly markers: readonly MarkerSeen[];
  readonly writes: readonly (readonly DiskWrite[])[];
  readonly instructions: number;
  readonly virtualMs: number;
}

export interface Recorder {
  /** The same machine. Its runs are recorded. A run after a power cut throws {@link PowerCut}. */
  readonly machine: Machine;
  readonly seen: () => Seen;
  /** Triggers for all runs from now on. `nth` counts over all runs. A trigger that has fired is removed. */
  readonly arm: (triggers: readonly ArmedTrigger[]) => void;
  /** The triggers that have not fired yet. */
  readonly armed: () => readonly ArmedTrigger[];
  /** Power is cut while the machine stands: what is only in a volatile cache is lost. */
  readonly cutPower: () => void;
  /** Requests to disks that have failed because of a fault, since the recording began. */
  readonly failedRequests: () => number;
  /** Returns the captures made since the last call and drops them, because each is as large as the machine's RAM. */
  readonly takeCaptures: () => readonly Capture[];
}

export interface RecorderOptions {
  readonly diskCount: number;
  /** Earlier evidence, of the machine from which the checkpoint was made. */
  readonly before?: Seen;
  readonly signal?: AbortSignal;
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** See `RunRequest.onWritten`. */
  readonly onWritten?: (written: Written) => void;
  /** Called now and then during a wait. */
  readonly onProgress?: (waited: Waited) => void;
}

/** The virtual time of a wait: passed, and allowed. */
export interface Waited {
  readonly passedMs: number;
  readonly ofMs: number;
}

/** Sums of fractions of a millisecond differ in their last digits. */
const SAME_END_MS = 0.001;

/** Records `machine` from now on. */
export function record(machine: Machine, options: RecorderOptions): Recorder {
  const { signal, onProgress, onWritten } = options;
  const listeners = { ...(signal && { signal }), ...(onWritten && { onWritten }) };
  const console: Uint8Array[] = options.before ? [options.before.console] : [];
  const markers: MarkerSeen[] = [...(options.before?.markers ?? [])];
  const writes: DiskWrite[][] = Array.from({ length: options.diskCount }, (_, disk) => [
    ...(options.before?.writes[disk] ?? []),
  ]);
  let captures: Capture[] = [];
  let armed: readonly ArmedTrigger[] = [];
  let instructions = options.before?.instructions ?? 0;
  let virtualMs = options.before?.virtualMs ?? 0;
  let failedRequests = 0;
  /** Per disk: the last writes that a power cut would lose. */
  let unflushed: readonly number[] = [];
  let isCut = false;

  let wait = { beginMs: 0, endMs: 0 };

  const cutPower = (): void => {
    isCut = true;
    for (const [disk, lost] of unflushed.entries()) if (lost > 0) writes[disk]?.splice(-lost);
    unflushed = [];
  };
  const run = async (request: RunRequest): Promise<RunReport> => {
    // The cut may have come after the end of what was awaited then, so that only the next wait notices it.
    if (isCut) throw new PowerCut('power has been cut');
    const endMs = virtualMs + request.virtualMsMax;
    // Consecutive runs that share the rest of one bound are one wait.
    if (Math.abs(endMs - wait.endMs) > SAME_END_MS) wait = { beginMs: virtualMs, endMs };
    const { beginMs } = wait;
    const progress = onProgress && {
      onProgress: (_: number, nowMs: number) => onProgress({ passedMs: nowMs - beginMs, ofMs: endMs - beginMs }),
    };
    const shown: Uint8Array[] = [];
    const listener = request.onConsole ?? options.onConsole;
    const onConsole = (bytes: Uint8Array): void => {
      shown.push(bytes.slice());
      listener?.(bytes);
    };
    const report = await machine
      .run({ ...listeners, ...progress, ...request, onConsole, triggers: [...(request.triggers ?? []), ...armed] })
      .catch((error: unknown) => {
        // There is no report: the last messages are what was shown until then.
        console.push(...shown);
        // A restored machine does not know its earlier markers.
        if (error instanceof StallError && !error.lastMarker) throw new StallError(error.stalledMs, markers.at(-1));
        throw error;
      });
    if (report.console.length > 0) console.push(report.console);
    for (const marker of report.markers) markers.push(marker);
    for (const [disk, of] of report.writes.entries()) for (const write of of) writes[disk]?.push(write);
    captures.push(...report.captures);
    failedRequests += report.failedRequests ?? 0;
    ({ instructions, virtualMs } = report);
    unflushed = report.unflushed ?? [];
    if (report.reason.why === 'powerCut') cutPower();
    armed = stillArmed(armed, report);
    return report;
  };

  return {
    machine: { ...bound(machine), run },
    seen: () => ({ console: concat(console), markers, writes, instructions, virtualMs }),
    arm: (triggers) => {
      armed = [...armed, ...triggers];
    },
    armed: () => armed,
    cutPower,
    failedRequests: () => failedRequests,
    takeCaptures: () => {
      const taken = captures;
      captures = [];
      return taken;
    },
  };
}

function bound(machine: Machine): Omit<Machine, 'run'> {
  return {
    engine: machine.engine,
    ...(machine.patience !== undefined && { patience: machine.patience }),
    readMemory: (at, lengthBytes) => machine.readMemory(at, lengthBytes),
    captureMemory: () => machine.captureMemory(),
    ...(machine.readScreen && { readScreen: machine.readScreen }),
    readShare: () => machine.readShare(),
    stateHash: () => machine.stateHash(),
    checkpoint: () => machine.checkpoint(),
    close: () => machine.close(),
  };
}

/** Identifies the last state of a machine: by its hash, or by the last instruction known when it stalled. */
export async function endState({ machine, seen }: Recorder): Promise<string> {
  const { instructions } = seen();
  return machine.stateHash().catch((error: unknown) => {
    if (!(error instanceof StallError)) throw error;
    return `stalled after instruction ${instructions}`;
  });
}

/** The triggers that did not fire in the run described by `report`, with the remaining counts. */
export function stillArmed(
  armed: readonly ArmedTrigger[],
  report: Pick<RunReport, 'markers' | 'writes' | 'instructions'>,
): readonly ArmedTrigger[] {
  return armed.flatMap((trigger): readonly ArmedTrigger[] => {
    const { when } = trigger;
    if (when.on === 'instruction') return report.instructions >= when.count ? [] : [trigger];
    // Writes are counted from power-on, so each number occurs once.
    if (when.on === 'write') return [trigger];
    const left = occurrencesLeft(when, report);
    return left > 0 ? [{ ...trigger, when: { ...when, nth: left } }] : [];
  });
}
