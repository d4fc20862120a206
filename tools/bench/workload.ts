// SPDX-License-Identifier: MIT
/** What the guest does in the measured cycle: the same commands in every emulator. */
import type { CommandStep, Plan, Step } from '../../emulator/cycle/plan.js';

export const TIMEOUT_MS = 60_000;

/** Fills 16 MiB of RAM with noise, which the image then has to carry. */
export const WORK = 'head -c 16M /dev/urandom > /dev/shm/work && sha256sum /dev/shm/work > /dev/shm/sum';
/** Fails unless all of it came through. */
export const CHECK = 'sha256sum -c /dev/shm/sum';
/** Suspends by the kernel's own hibernation and powers off; ends in the resumed system. */
export const SUSPEND = 'echo shutdown > /sys/power/disk && echo disk > /sys/power/state';

const command = (text: string): Step & CommandStep => ({ do: 'run', command: text, exit: 0, timeoutMs: TIMEOUT_MS });

/** The steps of the cycle for the rig. Nothing is verified but by the guest: QEMU cannot show its memory. */
export const STEPS: readonly Step[] = [
  { do: 'boot' },
  command(WORK),
  { do: 'suspend', method: 'swsusp', offMs: 0, whileSaving: [], faults: [] },
  { do: 'resume', faults: [] },
  command(CHECK),
];

export function planOf(machine: Plan['machine']): Plan {
  return { name: 'benchmark', machine, files: [], steps: STEPS, control: false };
}
