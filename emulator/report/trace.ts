// SPDX-License-Identifier: MIT
/**
 * What the machines of runs have shown, in the trace event format of Chrome, which Perfetto's page opens, too. A machine is a process
 * there. Its threads are the steps of the kernel, what was frozen, and the writes to each disk.
 */
import type { MachineShown } from '../cycle/machines.js';
import type { MarkerSeen, WriteShown } from '../machine/contract.js';
import { KERNEL_STEPS, stepBegin, stepEnd, type KernelStep } from '../machine/markers.js';
import { deviceName } from '../verify/proofs.js';

/** A run of a scenario. */
export interface TracedRun {
  readonly name: string;
  readonly machines: readonly MachineShown[];
}

/** Times are guest time in µs, from the first power-on over all machines of a run. */
export type TraceEvent =
  | {
      readonly ph: 'M';
      readonly name: 'process_name' | 'thread_name';
      readonly pid: number;
      readonly tid: number;
      readonly args: { readonly name: string };
    }
  | {
      /** From `ts`, for `dur`. */
      readonly ph: 'X';
      readonly name: string;
      readonly cat: 'step' | 'freeze';
      readonly pid: number;
      readonly tid: number;
      readonly ts: number;
      readonly dur: number;
      readonly args: Readonly<Record<string, number | string>>;
    }
  | {
      readonly ph: 'i';
      readonly name: 'write';
      readonly cat: 'write';
      /** It belongs to its thread. */
      readonly s: 't';
      readonly pid: number;
      readonly tid: number;
      readonly ts: number;
      readonly args: { readonly sector: number; readonly sectors: number };
    };

export interface Trace {
  readonly displayTimeUnit: 'ms';
  readonly otherData: { readonly clock: string };
  readonly traceEvents: readonly TraceEvent[];
}

const STEPS = Object.keys(KERNEL_STEPS) as readonly KernelStep[];
const THREADS = { steps: 1, tasks: 2, filesystems: 3, firstDisk: 10 } as const;
/** Which step freezes and which one thaws. */
const FREEZES = [
  { tid: THREADS.tasks, name: 'tasks are frozen', begin: stepEnd('freezeTasks'), end: stepEnd('thawTasks') },
  {
    tid: THREADS.filesystems,
    name: 'filesystems are frozen',
    begin: stepEnd('freezeFilesystems'),
    end: stepEnd('thawFilesystems'),
  },
] as const;
/** From here on, what was frozen when the image was made is frozen. */
const RESTORED = stepEnd('restore');

export function traceOf(runs: readonly TracedRun[]): Trace {
  let pid = 0;
  return {
    displayTimeUnit: 'ms',
    otherData: {
      clock: 'guest time since the first power-on; that of writes is estimated from the instruction counter',
    },
    traceEvents: runs.flatMap(({ name, machines }) =>
      machines.flatMap((machine) => {
        const of = ++pid;
        return [
          ...names(of, `${name}, machine ${machine.number}`, machine.writes.length),
          ...steps(of, machine),
          ...freezes(of, machine),
          ...writes(of, machine),
        ];
      }),
    ),
  };
}

/** As a file. */
export const renderTrace = (trace: Trace): string => `${JSON.stringify(trace)}\n`;

function names(pid: number, process: string, disks: number): readonly TraceEvent[] {
  const thread = (tid: number, name: string): TraceEvent => ({
    ph: 'M',
    name: 'thread_name',
    pid,
    tid,
    args: { name },
  });
  return [
    { ph: 'M', name: 'process_name', pid, tid: 0, args: { name: process } },
    thread(THREADS.steps, 'steps of the kernel'),
    ...FREEZES.map(({ tid, name }) => thread(tid, name)),
    ...Array.from({ length: disks }, (_, disk) => thread(THREADS.firstDisk + disk, `writes to ${deviceName(disk)}`)),
  ];
}

/** µs, to the nanosecond. */
const microseconds = (ms: number): number => Math.round(ms * 1e6) / 1e3;

/**
 * A restore ends the steps of the kernel that is gone then. Any other step that has not ended lasts until the end of the machine. An end
 * whose begin is in another machine is left out.
 */
function steps(pid: number, { startVirtualMs, virtualMs, markers }: MachineShown): readonly TraceEvent[] {
  const events: TraceEvent[] = [];
  const open = new Map<KernelStep, MarkerSeen>();
  const add = (step: KernelStep, begin: MarkerSeen, end: Pick<MarkerSeen, 'virtualMs' | 'instruction'> | undefined) =>
    events.push({
      ph: 'X',
      name: step,
      cat: 'step',
      pid,
      tid: THREADS.steps,
      ts: microseconds(startVirtualMs + begin.virtualMs),
      dur: microseconds((end?.virtualMs ?? virtualMs) - begin.virtualMs),
      args: end ? { instructions: end.instruction - begin.instruction } : { end: 'the machine stopped before it' },
    });
  for (const marker of markers) {
    const step = STEPS.find((one) => marker.kind === stepBegin(one) || marker.kind === stepEnd(one));
    if (step === undefined) continue;
    const begin = open.get(step);
    if (marker.kind === stepBegin(step)) open.set(step, marker);
    else if (begin) {
      add(step, begin, marker);
      open.delete(step);
    }
    if (marker.kind === RESTORED) {
      for (const [of, began] of open) add(of, began, marker);
      open.clear();
    }
  }
  for (const [step, begin] of open) add(step, begin, undefined);
  return events;
}

function freezes(pid: number, { startVirtualMs, virtualMs, markers }: MachineShown): readonly TraceEvent[] {
  return FREEZES.flatMap(({ tid, name, begin, end }) => {
    const events: TraceEvent[] = [];
    let since: number | undefined;
    const thaw = (nowMs: number): void => {
      if (since !== undefined)
        events.push({
          ph: 'X',
          name,
          cat: 'freeze',
          pid,
          tid,
          ts: microseconds(startVirtualMs + since),
          dur: microseconds(nowMs - since),
          args: {},
        });
      since = undefined;
    };
    for (const { kind, virtualMs: nowMs } of markers) {
      // The kernel that loads an image has frozen its own; it is gone then.
      if (kind === RESTORED) thaw(nowMs);
      if (kind === begin || (kind === RESTORED && markers.some((one) => one.kind === end && one.virtualMs >= nowMs)))
        since ??= nowMs;
      if (kind === end) thaw(nowMs);
    }
    thaw(virtualMs);
    return events;
  });
}

function writes(pid: number, machine: MachineShown): readonly TraceEvent[] {
  return machine.writes.flatMap((ofDisk, disk) => {
    const timeOf = clockOf(machine);
    return ofDisk.map(({ instruction, sector, count }: WriteShown): TraceEvent => ({
      ph: 'i',
      name: 'write',
      cat: 'write',
      s: 't',
      pid,
      tid: THREADS.firstDisk + disk,
      ts: microseconds(machine.startVirtualMs + timeOf(instruction)),
      args: { sector, sectors: count },
    }));
  });
}

/**
 * The virtual time of an instruction, in ms. It is known at markers and at the end, and taken to pass evenly between two of these.
 * Instructions must be asked for in their order.
 */
function clockOf({ markers, virtualMs, instructions }: MachineShown): (instruction: number) => number {
  const known = [{ instruction: 0, virtualMs: 0 }, ...markers, { instruction: instructions, virtualMs }];
  let at = 0;
  return (instruction) => {
    while ((known[at + 1]?.instruction ?? Infinity) <= instruction) at++;
    const [before, after] = [known[at], known[at + 1]];
    if (!before) return 0;
    if (!after) return before.virtualMs;
    const part = (instruction - before.instruction) / (after.instruction - before.instruction);
    return before.virtualMs + part * (after.virtualMs - before.virtualMs);
  };
}
