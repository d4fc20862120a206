// SPDX-License-Identifier: MIT
/**
 * How long the machine at the prompt runs at a time, so that typed keys and pictures of its memory need not wait; what work costs it, and
 * how often and when it is done.
 */

/** Real time that a run should take at most, and guest time of a run at most: the guest is not faster than real time. */
export const STRETCH_MS = 20;
/** About one tick, which is the least that a machine can run. */
const STRETCH_MS_MIN = 1;

/** Guest time of the next run, when the last one was of `guestMs` and took `realMs`. A slow host gets shorter runs. */
export const nextStretchMs = (guestMs: number, realMs: number): number =>
  Math.min(STRETCH_MS, Math.max(STRETCH_MS_MIN, (guestMs * STRETCH_MS) / Math.max(realMs, STRETCH_MS_MIN)));

/**
 * Guest time of the next run, which may be of `guestMs`, where something is due in `dueMs` of real time: one of the runs until then ends at
 * that time. A run of `guestMs` takes about {@link STRETCH_MS}, see {@link nextStretchMs}.
 */
export function stretchUntilMs(guestMs: number, dueMs: number): number {
  if (dueMs === Infinity) return guestMs;
  // Equal parts, so that none is much shorter than the others: each run has a cost of its own.
  const runs = Math.max(1, Math.ceil(dueMs / STRETCH_MS));
  return Math.max(STRETCH_MS_MIN, (guestMs * dueMs) / runs / STRETCH_MS);
}

/**
 * When a piece of work is due again that is done every `everyMs`, was due at `dueMs`, and has begun at `beganMs`, in real ms. One that was
 * late does not delay the others, unless it was so late that one has been left out.
 */
export const dueNextMs = (dueMs: number, beganMs: number, everyMs: number): number =>
  (beganMs - dueMs < everyMs ? dueMs : beganMs) + everyMs;

/** Upper bound of what one piece of work is taken to cost. */
const COST_MS_MAX = 1_000;

/**
 * Real time in ms that work from `beganMs` to `endMs` has cost. A browser may stop a tab in the background or a host may sleep in between,
 * which is not the cost of the work: what waits for a multiple of the cost would wait for hours.
 */
export const costOf = (beganMs: number, endMs: number): number => Math.min(endMs - beganMs, COST_MS_MAX);

/** The least real time in ms from one checkpoint to the next. */
const CHECKPOINT_EVERY_MS = 1000;
/** A machine runs so many times as long as its last checkpoint took, at least. */
const RUN_PER_CHECKPOINT = 9;

/** Real time in ms from one checkpoint to the next within a run step by step, where every instant is to be near one. */
export const KEPT_EVERY_MS = 1000;

/** Real time in ms that a machine runs until it leaves the next checkpoint by itself, when the last one took `checkpointMs`. */
export const runPerCheckpointMs = (checkpointMs: number): number =>
  Math.max(CHECKPOINT_EVERY_MS, RUN_PER_CHECKPOINT * checkpointMs);
