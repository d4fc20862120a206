// SPDX-License-Identifier: MIT
/**
 * Chains: a series of snapshots, each taken by the system that came out of the one before: by a resume in a new machine, by a
 * rollback in the same one, or by a commit, after which its live timeline goes on.
 */
import type { CycleOutcome, Finding } from '../../emulator/cycle/outcome.js';
import type { CommandStep, Plan, SimpleStep, Step } from '../../emulator/cycle/plan.js';
import { loadScenario, type LoadedScenario, type Overrides } from '../run/scenario-file.js';
import { scenarioPath } from '../run/scenario-names.js';

/** Number of cycles after which the kernel has made its permanent allocations. */
const WARM_UP_CYCLES = 3;

/**
 * Pages by which slab may have grown at the end, for any length of the chain: worker threads of work queues come and
 * go, and each uses some pages of slab. In addition, each cycle may leave only a fraction of a page.
 */
const SLAB_SWING_PAGES = 32;
const SLAB_PAGES_PER_CYCLE = 0.25;

/** The scenario of a chain with this number of cycles. */
export async function loadChain(cycles: number, overrides: Overrides = {}): Promise<LoadedScenario> {
  const loaded = await loadScenario(scenarioPath('chain'), overrides);
  const plan = chainOf(loaded.plan, cycles);
  return { ...loaded, plan, scenario: { ...loaded.scenario, name: plan.name } };
}

/** The plan, with each of its repeats executed `cycles` times. The machine's seed decides how each of them ends. */
export function chainOf(plan: Plan, cycles: number): Plan {
  const { seed } = plan.machine;
  const steps = plan.steps.flatMap((step): readonly Step[] =>
    step.do === 'repeat'
      ? Array.from({ length: cycles }, (_, cycle) => CYCLE_OF[endOf(seed, cycle)](step.steps)).flat()
      : [step],
  );
  return { ...plan, name: `${cycles} snapshots, each taken by what came out of the one before`, steps };
}

type End = 'resume' | 'rollback' | 'commit';

const CYCLE_OF: Readonly<Record<End, (steps: readonly Step[]) => readonly Step[]>> = {
  resume: (steps) => steps,
  rollback: rolledBack,
  commit: committed,
};

/** How the cycles of a group end, in an order that chance decides. */
const ENDS: readonly End[] = ['resume', 'resume', 'rollback', 'rollback', 'commit'];

/** How a cycle (counted from 0) ends. A longer chain of the same seed begins with the shorter one. */
function endOf(seed: number, cycle: number): End {
  const first = cycle - (cycle % ENDS.length);
  const order = ENDS.map((end, at) => ({ end, chance: mix(seed, first + at) })).sort((a, b) => a.chance - b.chance);
  return order[cycle - first]?.end ?? 'resume';
}

/** A number of 32 bits that depends on each bit of both (the finalizer of MurmurHash3). */
function mix(seed: number, word: number): number {
  let mixed = Math.imul(seed ^ Math.imul(word + 1, 0x9e37_79b9), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The steps of a cycle whose live timeline is given up after all of its commands. */
function rolledBack(steps: readonly Step[]): readonly Step[] {
  return steps.flatMap((step): readonly Step[] => {
    if (step.do === 'resume') return [];
    if (step.do === 'verify') return [{ ...step, proofs: step.proofs.filter((proof) => proof !== 'image') }];
    return [step.do === 'suspend' ? suspendRolledBack(step) : step];
  });
}

function suspendRolledBack(step: Extract<SimpleStep, { do: 'suspend' }>): Step {
  const { beforeSaving = [], whileSaving } = step;
  return { ...step, then: 'rollback', offMs: 0, beforeSaving: [...beforeSaving, ...whileSaving], whileSaving: [] };
}

/**
 * The steps of a cycle whose live timeline goes on. It does not spoil anything, but writes a file, which is on the disk
 * afterwards.
 */
function committed(steps: readonly Step[]): readonly Step[] {
  return steps.flatMap((step): readonly Step[] => {
    if (step.do === 'resume' || step.do === 'verify') return [];
    return step.do === 'suspend' ? [{ ...step, then: 'commit', offMs: 0, whileSaving: [WRITE] }, WRITTEN] : [step];
  });
}

const command = (text: string): CommandStep => ({ command: text, exit: 0, timeoutMs: 60_000 });
const WRITE = command('head -c 1M /dev/urandom > /root/committed && md5sum /root/committed > /run/committed && sync');
const WRITTEN: Step = {
  do: 'run',
  ...command('echo 3 > /proc/sys/vm/drop_caches && md5sum -c --quiet /run/committed && ! ls -d /sys/block/dm-[1-9]*'),
};

/** The first cycle (counted from 1) in which a proof failed; undefined when none failed. */
export function firstBadCycle(cycles: readonly CycleOutcome[]): number | undefined {
  const bad = cycles.findIndex(({ memory, image, disk, rolledBack: isBack, committed: isOn }) =>
    [
      isOn ? 0 : memory?.pagesDiffering,
      isOn || isBack ? 0 : image?.pagesDiffering,
      disk?.sectorsDiffering,
      disk?.originSectorsWritten,
    ].some((count) => count !== 0),
  );
  return bad < 0 ? undefined : bad + 1;
}

export interface Kept {
  /** Average growth per cycle of the pages without a known owner, and of slab pages. Negative when they decreased. */
  readonly unaccountedPages: number;
  readonly slabPages: number;
  /** Number of cycles of the average. */
  readonly cycles: number;
}

/**
 * The pages that the kernel kept per cycle, from the output of `storm pages` after each. Undefined for too few cycles.
 */
export function pagesKept(commands: readonly { readonly stdout: string }[]): Kept | undefined {
  const counts = commands.flatMap(({ stdout }) => {
    const [, unaccounted, slab] = /^unaccounted (\d+) .*\bslab (\d+)/m.exec(stdout) ?? [];
    return unaccounted === undefined ? [] : [{ unaccounted: Number(unaccounted), slab: Number(slab) }];
  });
  const [first, last] = [counts[WARM_UP_CYCLES - 1], counts.at(-1)];
  const between = counts.length - WARM_UP_CYCLES;
  if (!first || !last || between < 1) return undefined;
  return {
    unaccountedPages: (last.unaccounted - first.unaccounted) / between,
    slabPages: (last.slab - first.slab) / between,
    cycles: between,
  };
}

/** A finding when the kernel keeps pages in every cycle. */
export function leakFindings(kept: Kept | undefined): readonly Finding[] {
  if (
    kept &&
    kept.unaccountedPages < 1 &&
    kept.slabPages * kept.cycles < SLAB_SWING_PAGES + SLAB_PAGES_PER_CYCLE * kept.cycles
  )
    return [];
  const what = kept
    ? `each cycle loses memory: ${kept.unaccountedPages.toFixed(2)} pages, and ${kept.slabPages.toFixed(2)} of slab`
    : 'the guest did not count its pages';
  return [{ kind: 'memory', what, details: [] }];
}
