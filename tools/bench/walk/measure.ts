// SPDX-License-Identifier: MIT
/**
 * Measures how long snapshot(2) works on the memory of a program: in the walk that isolates it, during which the program
 * cannot change its address space; in the walk that preserves it, during which everything stands still; and how long fork()
 * of the same program takes, which no program can do without either.
 */
import { join } from 'node:path';
import { bootStates } from '../../../emulator/cycle/boot.js';
import type { Span } from '../../../emulator/cycle/frozen.js';
import type { MachineOptions, Step } from '../../../emulator/cycle/plan.js';
import { runTimeline } from '../../../emulator/cycle/timeline.js';
import { byteCache } from '../../../emulator/host/node/byte-cache.js';
import { nodeMatcher } from '../../../emulator/host/node/matcher.js';
import { nodeProofs } from '../../../emulator/host/node/proofs.js';
import { sha256Hex } from '../../../emulator/host/node/sha256.js';
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { GuestError, RigError } from '../../../emulator/machine/errors.js';
import { PAGE_BYTES } from '../../../emulator/machine/units.js';
import { stepBegin, stepEnd, type KernelStep } from '../../../emulator/machine/markers.js';
import { sharedEngine } from '../../run/engines.js';
import { observe } from '../snapshot/observe.js';
import { HOLD_PATH } from '../snapshot/hold.js';
import type { Rig } from '../snapshot/measure.js';

/** The machines, each with so much RAM, and what the program keeps of it. Without large pages, of which one counts like a small one. */
export const WALK_MACHINES = {
  v86: { engine: 'v86', arch: 'i386', processors: 1, memoryMiB: 768, heldMiB: [64, 128, 256, 512] },
  qemu: { engine: 'qemu', arch: 'x86_64', processors: 1, memoryMiB: 3072, heldMiB: [512, 1024, 2048, 2600] },
} as const satisfies Record<
  string,
  Pick<MachineOptions, 'engine' | 'arch' | 'processors' | 'memoryMiB'> & { readonly heldMiB: readonly number[] }
>;
export type WalkMachine = keyof typeof WALK_MACHINES;

/** In QEMU each is measured so often, and the least counts: other programs of the host only add to it. */
const REPEATS: Readonly<Record<WalkMachine, number>> = { v86: 1, qemu: 5 };

/** Guest time for filling the memory, and for a snapshot of it. */
const TIMEOUT_MS = 600_000;

export interface WalkFigures {
  /** What the program keeps. */
  readonly heldPages: number;
  /** All of the preparation: the walk that isolates, and what is counted of all memory, which is the same in each. */
  readonly isolate: Span;
  readonly preserve: Span;
  /** From the freeze of the tasks to their thaw. */
  readonly standstill: Span;
  readonly preservedPages: number;
  readonly forkMs: number;
}

/** @throws GuestError when a snapshot or its rollback fails. */
export async function measureWalk(machine: WalkMachine, heldMiB: number, rig: Rig): Promise<WalkFigures> {
  const { engine, lives } = observe(sharedEngine(WALK_MACHINES[machine].engine));
  const command = (text: string): Step => ({ do: 'run', command: text, exit: 0, timeoutMs: TIMEOUT_MS });
  const repeats = REPEATS[machine];
  const steps: readonly Step[] = [
    { do: 'boot' },
    // Nothing is swapped out to make room, so that all of it is walked.
    command(`swapoff -a && ${HOLD_PATH} keep ${heldMiB}`),
    ...Array.from({ length: repeats }, () => command(`${HOLD_PATH} fork`)),
    ...Array.from({ length: repeats }, (): Step => ({
      do: 'suspend',
      method: 'sys_snapshot',
      store: 'memory',
      then: 'rollback',
      offMs: 0,
      timeoutMs: TIMEOUT_MS,
      whileSaving: [],
      faults: [],
    })),
    command(`${HOLD_PATH} check`),
  ];
  const { findings, commands } = await runTimeline(rig.plan(steps), steps, {
    booter: {
      engine,
      config: rig.files.config,
      configKey: rig.files.configKey,
      cache: byteCache(join(rig.cacheDir, 'checkpoints')),
    },
    states: bootStates(),
    proofs: nodeProofs(rig.files),
    matcher: nodeMatcher(),
    hash: sha256Hex,
    say: () => undefined,
  });
  const [found] = findings;
  if (found)
    throw new GuestError(`a snapshot with a program of ${heldMiB} MiB failed: ${found.what}`, {
      consoleTail: found.details,
    });
  const forks = commands.flatMap(({ command: text, stdout }) => (text.endsWith(' fork') ? [Number(stdout)] : []));
  return {
    heldPages: (heldMiB * 2 ** 20) / PAGE_BYTES,
    ...leastOf(lives.flatMap(({ markers }) => markers)),
    forkMs: Math.min(...forks) / 1000,
  };
}

/** The least of each, over the calls of snapshot(2) that these markers tell of. Exported for tests. */
export function leastOf(markers: readonly MarkerSeen[]): Omit<WalkFigures, 'heldPages' | 'forkMs'> {
  const calls = markers.flatMap(({ kind }, at) => (kind === stepBegin('preserve') ? [at] : []));
  const figures = calls.map((at) => {
    const [before, after] = [markers.slice(0, at), markers.slice(at)];
    const begun = (step: KernelStep) => before.findLast(({ kind }) => kind === stepBegin(step));
    const ended = (step: KernelStep) => after.find(({ kind }) => kind === stepEnd(step));
    const preserved = ended('preserve');
    return {
      isolate: span(
        begun('shrink'),
        before.findLast(({ kind }) => kind === stepEnd('shrink')),
      ),
      preserve: span(markers[at], preserved),
      standstill: span(begun('freezeTasks'), ended('thawTasks')),
      preservedPages: preserved?.word0 ?? 0,
    };
  });
  const least = (of: 'isolate' | 'preserve' | 'standstill'): Span =>
    figures.map((one) => one[of]).reduce((a, b) => (b.virtualMs < a.virtualMs ? b : a));
  if (figures.length === 0) throw withoutMarkers();
  return {
    isolate: least('isolate'),
    preserve: least('preserve'),
    standstill: least('standstill'),
    preservedPages: Math.max(...figures.map(({ preservedPages }) => preservedPages)),
  };
}

function span(from: MarkerSeen | undefined, to: MarkerSeen | undefined): Span {
  if (!from || !to) throw withoutMarkers();
  return { virtualMs: to.virtualMs - from.virtualMs, instructions: to.instruction - from.instruction };
}

const withoutMarkers = (): RigError =>
  new RigError('nothing says how long snapshot(2) worked on the memory of programs', {
    remedy: "run a guest kernel that was built with the rig's markers",
  });
