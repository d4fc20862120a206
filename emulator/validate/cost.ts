// SPDX-License-Identifier: MIT
/**
 * How long cells take, and how much they tell, as far as that is known (`tools/costs.ts`). It balances shards, so it must be the same
 * wherever they run.
 */
import { FLAVOUR_TRAITS } from '../cycle/plan.js';
import { isScenarioFile, type Cell } from './cell.js';
import table from './costs.json' with { type: 'json' };

/** By scenario. */
export type Costs = Readonly<
  Record<
    string,
    {
      /** Millions of instructions, measured on the release kernel of the series: those of its control run, too, if it has one. */
      readonly millions?: number;
      /** The same of the debug kernel. */
      readonly debugMillions?: number;
      /** The mutants that it sees. */
      readonly mutants?: number;
    }
  >
>;

/** Of a scenario that has not been measured. */
const USUAL_MILLIONS = 1500;
/** How much more the debug kernel needs for a scenario that has been measured on the release kernel only. */
const USUAL_DEBUG_RATIO = 2.5;

const COSTS: Costs = table.scenarios;
const knownOf = ({ scenario }: Cell, costs: Costs): Costs[string] =>
  isScenarioFile({ scenario }) ? {} : (costs[scenario] ?? {});

/** The cost of a cell in millions of instructions, on the release kernel unless the cell names another one. */
export function costOf(cell: Cell, costs = COSTS): number {
  const { millions = USUAL_MILLIONS, debugMillions = millions * USUAL_DEBUG_RATIO } = knownOf(cell, costs);
  return FLAVOUR_TRAITS[cell.flavour ?? 'release'].checked ? debugMillions : millions;
}

/** Cells in the order in which a mistake is found soonest: the cheapest first, and before it what has found mutants often for its cost. */
export function soonestFirst<T>(items: readonly T[], cellOf: (item: T) => Cell, costs = COSTS): readonly T[] {
  const weight = (cell: Cell): number => costOf(cell, costs) / (1 + (knownOf(cell, costs).mutants ?? 0));
  return [...items].sort((a, b) => weight(cellOf(a)) - weight(cellOf(b)));
}
