// SPDX-License-Identifier: MIT
/** What the guest does in the measured cycle: the same commands in every emulator. */
import { PROOFS, type CommandStep, type Plan, type Step, type SuspendMethod } from '../../emulator/cycle/plan.js';
import { SNAPSHOT_CMDLINE } from '../../emulator/cycle/sys-snapshot.js';

export const TIMEOUT_MS = 60_000;

/**
 * Reads 16 MiB of the system's own programs into RAM, which the image then has to carry, twice: as cache and as file.
 * The same bytes in every emulator; noise from the kernel would differ, and its making would take longer than the
 * suspend. A plain checksum for the same reason.
 */
export const WORK = [
  'cat /usr/bin/* /usr/sbin/* /usr/lib/i386-linux-gnu/* 2> /dev/null | head -c 16M > /dev/shm/work',
  'test $(stat -c %s /dev/shm/work) = 16777216',
  'cksum < /dev/shm/work > /dev/shm/sum',
].join(' && ');
/** Fails unless all of it came through. */
export const CHECK = 'cksum < /dev/shm/work | cmp - /dev/shm/sum';
const command = (text: string): Step & CommandStep => ({ do: 'run', command: text, exit: 0, timeoutMs: TIMEOUT_MS });

/** The machine that a method of suspending needs: the initramfs must be told where to look for an image of sys_snapshot. */
export function machineFor(method: SuspendMethod, machine: Plan['machine']): Plan['machine'] {
  return method === 'swsusp' ? machine : { ...machine, cmdline: [...machine.cmdline, SNAPSHOT_CMDLINE] };
}

/**
 * The cycle for the rig. With swsusp nothing is verified but by the guest, since QEMU, which does the same, cannot show
 * its memory; with sys_snapshot all that the rig can prove is proved. `compress`: whether snapctl compresses the image.
 */
export function planOf(method: SuspendMethod, machine: Plan['machine'], compress = true): Plan {
  const steps: readonly Step[] = [
    { do: 'boot' },
    command(WORK),
    { do: 'suspend', method, offMs: 0, whileSaving: [], ...(!compress && { compress }), faults: [] },
    { do: 'resume', faults: [] },
    ...(method === 'swsusp' ? [] : [{ do: 'verify', proofs: PROOFS } as const]),
    command(CHECK),
  ];
  return { name: 'benchmark', machine: machineFor(method, machine), files: [], steps, control: false };
}

/**
 * The parts of a cycle: up to the first command, that command, up to power-off, up to the resumed system's answer, the rig's
 * proofs as far as they are waited for, the guest's check up to its answer.
 */
export const PHASES = ['boot', 'work', 'suspend', 'resume', 'verify', 'check'] as const;
export type Phase = (typeof PHASES)[number];

/** What a cycle took in all, and each of its phases, in ms of the host. */
export interface CycleTimes {
  readonly ms: number;
  readonly phases: Readonly<Record<Phase, number>>;
}

/** The phase that begins with what the driver of scenarios says. */
export function phaseOf(said: string): Phase {
  if (said === 'boot') return 'boot';
  if (said === `run ${WORK}`) return 'work';
  if (said.startsWith('suspend')) return 'suspend';
  if (said.startsWith('resume')) return 'resume';
  return said === 'verify' ? 'verify' : 'check';
}

export interface CycleSample {
  readonly times: CycleTimes;
  /** Processor time of the processes that ran it; what is left is waiting, for the guest's timers or the host. */
  readonly cpuMs: number;
}

/** A stopwatch: called at the end of each phase, or part of one; after `end` it stands still. */
export function stopwatch(): { lap(phase: Phase): void; end(phase: Phase): void; times(): CycleTimes } {
  const startMs = performance.now();
  let lastMs = startMs;
  const phases: Record<Phase, number> = { boot: 0, work: 0, suspend: 0, resume: 0, verify: 0, check: 0 };
  let ended = false;
  const lap = (phase: Phase): void => {
    if (ended) return;
    const nowMs = performance.now();
    phases[phase] += nowMs - lastMs;
    lastMs = nowMs;
  };
  return {
    lap,
    end(phase) {
      lap(phase);
      ended = true;
    },
    times: () => ({ ms: lastMs - startMs, phases }),
  };
}
