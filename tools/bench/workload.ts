// SPDX-License-Identifier: MIT
/** The work of the guest in the measured cycle: the same commands in every emulator. */
import { PROOFS, type CommandStep, type Plan, type Step, type SuspendMethod } from '../../emulator/cycle/plan.js';
import { SNAPSHOT_CMDLINE } from '../../emulator/cycle/sys-snapshot.js';

export const TIMEOUT_MS = 60_000;

/**
 * Reads 16 MiB of the system's own programs into RAM, which are then in the image twice: as cache and as a file.
 * The bytes are the same in every emulator that runs the same disk. Random bytes of the kernel would differ, and would take longer to make than
 * the suspend. A simple checksum is used for the same reason.
 */
export const WORK = [
  'cat /usr/bin/* /usr/sbin/* /usr/lib/*-linux-gnu/* 2> /dev/null | head -c 16M > /dev/shm/work',
  'test $(stat -c %s /dev/shm/work) = 16777216',
  'cksum < /dev/shm/work > /dev/shm/sum',
].join(' && ');
/** A command that fails unless the file is unchanged. */
export const CHECK = 'cksum < /dev/shm/work | cmp - /dev/shm/sum';
const command = (text: string): Step & CommandStep => ({ do: 'run', command: text, exit: 0, timeoutMs: TIMEOUT_MS });

/** The machine that a method needs: the initramfs needs the place of the image of sys_snapshot. */
export function machineFor(method: SuspendMethod, machine: Plan['machine']): Plan['machine'] {
  return method === 'swsusp' ? machine : { ...machine, cmdline: [...machine.cmdline, SNAPSHOT_CMDLINE] };
}

/**
 * The cycle for the rig. With swsusp only the guest verifies it, as in QEMU, which cannot show its memory. With
 * sys_snapshot the rig makes all of its proofs. `compress`: whether snapctl compresses the image.
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
 * The parts of a cycle: up to the first command, that command, up to power-off, up to the resumed system's answer, the
 * rig's proofs as far as they are waited for, the guest's check up to its answer.
 */
export const PHASES = ['boot', 'work', 'suspend', 'resume', 'verify', 'check'] as const;
export type Phase = (typeof PHASES)[number];

/** The time of a cycle and of each of its phases, in ms of the host. */
export interface CycleTimes {
  readonly ms: number;
  readonly phases: Readonly<Record<Phase, number>>;
}

/** The phase that begins at a message of the scenario driver. */
export function phaseOf(said: string): Phase {
  if (said === 'boot') return 'boot';
  if (said === `run ${WORK}`) return 'work';
  if (said.startsWith('suspend')) return 'suspend';
  if (said.startsWith('resume')) return 'resume';
  return said === 'verify' ? 'verify' : 'check';
}

export interface CycleSample {
  readonly times: CycleTimes;
  /**
   * Processor time of the processes that ran it. The rest of the time is waiting for the guest's timers or the host.
   */
  readonly cpuMs: number;
}

/** A stopwatch: called at the end of each phase, or of a part of one. After `end` it stops. */
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
