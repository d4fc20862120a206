// SPDX-License-Identifier: MIT
/** How long cells take, as far as that is known. It balances shards, and must be the same wherever they run. */
import { isScenarioFile, type Cell } from './cell.js';

/** Millions of instructions of a scenario, measured on the kernel of the series: those of its control run, too, if it has one. */
const MILLIONS: Readonly<Record<string, number>> = {
  'mm-almost-zeros': 180,
  rollback: 4670,
  'rollback-short': 160,
  'stock-cycle': 2200,
  'sys-snapshot': 5000,
  waits: 640,
};
/** For a scenario that has not been measured. */
const USUAL = 1500;

/** The cost of a cell in millions of instructions. */
export const costOf = ({ scenario }: Cell): number =>
  isScenarioFile({ scenario }) ? USUAL : (MILLIONS[scenario] ?? USUAL);
