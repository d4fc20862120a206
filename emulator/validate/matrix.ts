// SPDX-License-Identifier: MIT
/** The matrices that Snapback brings along. */
import type { Cell } from './cell.js';

/**
 * The cheapest and most telling cells, the cheapest first: snapshot(2) with the way back in the same boot, in seconds and at
 * length, the kernel's own hibernation, and snapshot(2) with the way back in another boot. The last two have a control run each.
 */
export const QUICK: readonly Cell[] = [
  { name: 'short', scenario: 'rollback-short' },
  { name: 'rollback', scenario: 'rollback' },
  { name: 'swsusp', scenario: 'stock-cycle' },
  { name: 'snapshot', scenario: 'sys-snapshot' },
];

export const MATRICES: Readonly<Record<string, readonly Cell[]>> = { quick: QUICK };
