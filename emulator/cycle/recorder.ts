// SPDX-License-Identifier: MIT
/** A machine that remembers all that was seen of it, and in which triggers can be armed that outlive a single run. */
import { concat } from '../machine/bytes.js';
import { StallError } from '../machine/errors.js';
import type {
  Action,
  Capture,
  DiskWrite,
  Machine,
  MarkerSeen,
  RunReport,
  RunRequest,
  Trigger,
} from '../machine/contract.js';

export interface ArmedTrigger {
  readonly when: Trigger;
  readonly then: Action;
}

/** What was seen of a machine, oldest first. */
export interface Seen {
  readonly console: Uint8Array;
  readonly markers: readonly MarkerSeen[];
  readonly writes: readonly (readonly DiskWrite[])[];
  readonly instructions: number;
  readonly virtualMs: number;
}

export interface Recorder {
  /** The same machine; whatever runs it is recorded. */
  readonly machine: Machine;
  readonly seen: () => Seen;
  /** Triggers for all runs from now on. `nth` counts over runs; a trigger that has fired is done. */
  readonly arm: (triggers: readonly ArmedTrigger[]) => void;
  /** The triggers that have not fired yet. */
  readonly armed: () => readonly ArmedTrigger[];
  /** Hands over the captures made since the last call, and forgets them: they are as large as the machine. */
  readonly takeCaptures: () => readonly Capture[];
}

export interface RecorderOptions {
  readonly diskCount: number;
  /** What was seen before, of the machine that a checkpoint was made of. */
  readonly before?: Seen;
  readonly signal?: AbortSignal;
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** Told now and then of a wait that is under way. */
  readonly onProgress?: (waited: Waited) => void;
}

/** How much of the virtual time that a wait may take has passed. */
export interface Waited {
  readonly passedMs: number;
  readonly ofMs: number;
}

/** Sums of fractions of a millisecond differ in their last digits. */
const SAME_END_MS = 0.001;

/** Records `machine` from now on. */
export function record(machine: Machine, options: RecorderOptions): Recorder {
  const { signal, onConsole, onProgress } = options;
  const listeners = { ...(signal && { signal }), ...(onConsole && { onConsole }) };
  const console: Uint8Array[] = options.before ? [options.before.console] : [];
  const markers: MarkerSeen[] = [...(options.before?.markers ?? [])];
  const writes: DiskWrite[][] = Array.from({ length: options.diskCount }, (_, disk) => [
    ...(options.before?.writes[disk] ?? []),
  ]);
  let captures: Capture[] = [];
  let armed: readonly ArmedTrigger[] = [];
  let instructions = options.before?.instructions ?? 0;
  let virtualMs = options.before?.virtualMs ?? 0;

  let wait = { beginMs: 0, endMs: 0 };

  const run = async (request: RunRequest): Promise<RunReport> => {
    const endMs = virtualMs + request.virtualMsMax;
    // Runs that go on in what is left of the same bound, one after another, are one wait.
    if (Math.abs(endMs - wait.endMs) > SAME_END_MS) wait = { beginMs: virtualMs, endMs };
    const { beginMs } = wait;
    const told = onProgress && {
      onProgress: (_: number, nowMs: number) => onProgress({ passedMs: nowMs - beginMs, ofMs: endMs - beginMs }),
    };
    const report = await machine
      .run({ ...listeners, ...told, ...request, triggers: [...(request.triggers ?? []), ...armed] })
      .catch((error: unknown) => {
        // A restored machine does not know what it passed before.
        if (error instanceof StallError && !error.lastMarker) throw new StallError(error.stalledMs, markers.at(-1));
        throw error;
      });
    if (report.console.length > 0) console.push(report.console);
    for (const marker of report.markers) markers.push(marker);
    for (const [disk, of] of report.writes.entries()) for (const write of of) writes[disk]?.push(write);
    captures.push(...report.captures);
    ({ instructions, virtualMs } = report);
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
    readMemory: (at, lengthBytes) => machine.readMemory(at, lengthBytes),
    captureMemory: () => machine.captureMemory(),
    readShare: () => machine.readShare(),
    stateHash: () => machine.stateHash(),
    checkpoint: () => machine.checkpoint(),
    close: () => machine.close(),
  };
}

/** What stands for the state in which a machine ended: its hash; for one that stalled, how far it had come before. */
export async function endState({ machine, seen }: Recorder): Promise<string> {
  const { instructions } = seen();
  return machine.stateHash().catch((error: unknown) => {
    if (!(error instanceof StallError)) throw error;
    return `stalled after instruction ${instructions}`;
  });
}

/** The triggers that have not fired in the run that `report` tells of, with what is left to count. */
export function stillArmed(
  armed: readonly ArmedTrigger[],
  report: Pick<RunReport, 'markers' | 'instructions'>,
): readonly ArmedTrigger[] {
  return armed.flatMap((trigger): readonly ArmedTrigger[] => {
    const { when } = trigger;
    if (when.on === 'instruction') return report.instructions >= when.count ? [] : [trigger];
    // A write is counted from power-on and so happens once.
    if (when.on === 'write') return [trigger];
    const passed = report.markers.filter(({ kind }) => kind === when.kind).length;
    const left = (when.nth ?? 1) - passed;
    return left > 0 ? [{ ...trigger, when: { ...when, nth: left } }] : [];
  });
}
