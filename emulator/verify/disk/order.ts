// SPDX-License-Identifier: MIT
/** The order in which a live timeline begins: writes must be redirected before anything can write. */
import type { MarkerSeen } from '../../machine/contract.js';
import { stepBegin, stepEnd, type KernelStep } from '../../machine/markers.js';

const THAWS = ['thawTasks', 'thawFilesystems'] as const satisfies readonly KernelStep[];

/**
 * The instructions at which the last call of snapshot(2) thawed filesystems or tasks although writes were not
 * redirected yet. `markers` are those of the machine in which the live timeline ran.
 */
export function thawedTooEarly(
  markers: readonly MarkerSeen[],
): readonly { readonly step: (typeof THAWS)[number]; readonly instruction: number }[] {
  const call = markers.slice(
    Math.max(
      0,
      markers.findLastIndex(({ kind }) => kind === stepBegin('call')),
    ),
  );
  const copied = call.slice(
    Math.max(
      0,
      call.findLastIndex(({ kind }) => kind === stepEnd('copy')),
    ),
  );
  const redirected = copied.findIndex(({ kind }) => kind === stepEnd('substitute'));
  const early = redirected < 0 ? copied : copied.slice(0, redirected);
  return early.flatMap(({ kind, instruction }) =>
    THAWS.flatMap((step) => (kind === stepBegin(step) ? [{ step, instruction }] : [])),
  );
}
