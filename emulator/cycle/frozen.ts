// SPDX-License-Identifier: MIT
/** Computes from the markers how long userspace was frozen. */
import { stepBegin, stepEnd } from '../machine/markers.js';
import type { MarkerSeen } from '../machine/contract.js';

/** A span of guest time. */
export interface Span {
  readonly virtualMs: number;
  readonly instructions: number;
}

/**
 * Stock hibernation: from the freeze of the tasks to power-off, and from power-on to the thaw of the
 * restored tasks. The off-time between is not counted. The boot of the resuming kernel is counted, because a user waits
 * for it.
 */
export function frozenAcrossPowerOff(
  live: { readonly markers: readonly MarkerSeen[]; readonly instructions: number; readonly virtualMs: number },
  restored: { readonly markers: readonly MarkerSeen[] },
): Span | undefined {
  const frozen = live.markers.findLast(({ kind }) => kind === stepBegin('freezeTasks'));
  const thawed = thawAfterRestore(restored.markers);
  if (!frozen || !thawed) return undefined;
  return {
    virtualMs: live.virtualMs - frozen.virtualMs + thawed.virtualMs,
    instructions: live.instructions - frozen.instruction + thawed.instruction,
  };
}

/** sys_snapshot: from the freeze of the tasks to their thaw in the live timeline. */
export function frozenInLiveTimeline(markers: readonly MarkerSeen[]): Span | undefined {
  const begin = markers.findLastIndex(({ kind }) => kind === stepBegin('freezeTasks'));
  const frozen = markers[begin];
  const thawed = markers.slice(begin + 1).find(({ kind }) => kind === stepEnd('thawTasks'));
  if (!frozen || !thawed) return undefined;
  return between(frozen, thawed);
}

/** The end of the thaw of the restored tasks. The resuming kernel freezes and thaws tasks of its own before it jumps. */
export function thawAfterRestore(markers: readonly MarkerSeen[]): MarkerSeen | undefined {
  const jumped = markers.findIndex(({ kind }) => kind === stepEnd('restore'));
  return jumped < 0 ? undefined : markers.slice(jumped).find(({ kind }) => kind === stepEnd('thawTasks'));
}

/** From one marker to a later one of the same machine. */
export const between = (from: MarkerSeen, to: MarkerSeen): Span => ({
  virtualMs: to.virtualMs - from.virtualMs,
  instructions: to.instruction - from.instruction,
});
