// SPDX-License-Identifier: MIT
/**
 * Mistakes that the guest's kernel makes on request: `rig.break=NAME` on its command line, or in
 * /sys/module/rig/parameters/break.
 */
import type { MarkerSeen } from '../machine/contract.js';
import { MISTAKE_MARKERS, stepBegin } from '../machine/markers.js';

/** In the order of kernel/power/rig_break.c; a marker carries the index. */
export const MISTAKES = [
  'none',
  'swap-neighbours',
  'skip-page',
  'flip-copy',
  'flip-after-restore',
  'leave-writable',
  'lose-reference',
  'leave-unguarded',
  'thaw-early',
  'reuse-swap',
  'ignore-holders',
  'keep-reference',
  'skip-last-page',
  'keep-exclusive',
  'ignore-pins',
  'hold-late',
  'miss-late-holder',
  'take-parts',
  'lose-pte-bits',
  'skip-flush',
  'stall-sync',
  'stall-freeze',
  'stall-frozen',
  'keep-key',
  'skip-put-back',
  'put-back-twice',
  'keep-store',
  'refuse-restore',
  'stall-lock',
  'valid-after-commit',
  'merge-early',
  'clear-early',
  'write-past',
  'stall-label',
  'stall-raw',
  'stall-flush',
  'stall-reclaim',
  'skip-notifiers',
] as const;
export type Mistake = (typeof MISTAKES)[number];

/**
 * The problem when a mistake was requested but not made in the last cycle: then the run has tested nothing. Undefined
 * when there is none. `markers` are those of the suspended machine, then those of the resumed one. `cmdline` is the
 * kernel's command line.
 */
export function missedMistake(markers: readonly MarkerSeen[], cmdline: readonly string[]): string | undefined {
  const cycle = markers.slice(
    Math.max(
      0,
      markers.findLastIndex(({ kind }) => kind === stepBegin('call')),
    ),
  );
  const asked = cycle.find(({ kind }) => kind === MISTAKE_MARKERS.asked);
  const made = cycle.some(({ kind, word0 }) => kind === MISTAKE_MARKERS.made && word0 === asked?.word0);
  if (asked !== undefined)
    return made
      ? undefined
      : `the mistake '${MISTAKES[asked.word0] ?? asked.word0}' was requested, but the kernel did not make it: it found nothing to damage`;
  const wish = cmdline.findLast((word) => word.startsWith('rig.break='))?.slice('rig.break='.length);
  const none: Mistake = 'none';
  if (wish === undefined || wish === none) return undefined;
  return `the mistake '${wish}' was requested, but the kernel did not make it: it does not know this mistake`;
}
