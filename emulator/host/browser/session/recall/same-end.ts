// SPDX-License-Identifier: MIT
/** How long a machine is to run so that it comes to an instant at which it has been. */

/** Runs end so much before where they are to end, in virtual ms, because sums of fractions differ in their last digits. A tick takes longer. */
export const SAME_END_MS = 1e-7;

/** The virtual time to ask for, in ms, so that a machine comes to an instant that is so far away, and not beyond. */
export const runToEnd = (leftMs: number): number => Math.max(SAME_END_MS, leftMs - SAME_END_MS);
