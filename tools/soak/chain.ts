// SPDX-License-Identifier: MIT
/** Chains: one snapshot after the other, each taken by the system that came back from the one before. */
import type { CycleOutcome, Finding } from '../../emulator/cycle/outcome.js';
import type { Plan, Step } from '../../emulator/cycle/plan.js';
import { loadScenario, type LoadedScenario, type Overrides } from '../run/scenario-file.js';
import { packagePath } from '../../emulator/host/node/paths.js';

/** Cycles after which what the kernel keeps for good is there. */
const WARM_UP_CYCLES = 3;

/**
 * By so many pages slab may be more at the end than at the beginning, however long the chain: threads that serve work
 * queues come and go, each with some pages of it. Of each cycle only a part of a page may stay besides.
 */
const SLAB_SWING_PAGES = 32;
const SLAB_PAGES_PER_CYCLE = 0.25;

/** The scenario of a chain, with as many cycles as told. */
export async function loadChain(cycles: number, overrides: Overrides = {}): Promise<LoadedScenario> {
  const loaded = await loadScenario(packagePath('test', 'scenarios', 'chain.yaml'), overrides);
  const plan = chainOf(loaded.plan, cycles);
  return { ...loaded, plan, scenario: { ...loaded.scenario, name: plan.name } };
}

/** The plan with each of its repeats done `cycles` times. */
export function chainOf(plan: Plan, cycles: number): Plan {
  const steps = plan.steps.map((step): Step => (step.do === 'repeat' ? { ...step, times: cycles } : step));
  return { ...plan, name: `${cycles} snapshots, each resumed from the one before`, steps };
}

/** The cycle, from 1 on, in which a proof failed first; undefined when none did. */
export function firstBadCycle(cycles: readonly CycleOutcome[]): number | undefined {
  const bad = cycles.findIndex(({ memory, image, disk }) =>
    [memory?.pagesDiffering, image?.pagesDiffering, disk?.sectorsDiffering, disk?.originSectorsWritten].some(
      (count) => count !== 0,
    ),
  );
  return bad < 0 ? undefined : bad + 1;
}

export interface Kept {
  /** Pages that nobody accounts for, and pages of the kernel, that each cycle has kept on average; negative when they grew fewer. */
  readonly unaccountedPages: number;
  readonly slabPages: number;
  /** Cycles of which that is the average. */
  readonly cycles: number;
}

/** What the kernel kept of each cycle, by what `storm pages` printed after each. Undefined when there are too few. */
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

/** A finding when the kernel keeps pages of each cycle. */
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
