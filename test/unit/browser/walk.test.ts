// SPDX-License-Identifier: MIT
/** Whose memory a machine has where it is visited. */
import t from 'tap';
import type { Standing } from '../../../emulator/cycle/steps/context.js';
import { systemOf } from '../../../emulator/host/browser/session/walk.js';
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { MARKER_LAYOUT, stepEnd } from '../../../emulator/machine/markers.js';

const marker = (kind: number, word0 = 0): MarkerSeen => ({ kind, word0, word1: 0, instruction: 0, virtualMs: 0 });
const loader = marker(MARKER_LAYOUT, 1);
const system = marker(MARKER_LAYOUT, 2);
const ram = { bytes: 1 } as never;
t.test('the system in the memory of a machine', (t) => {
  const live: Omit<Standing, 'machine' | 'virtualMs'> = {
    layout: system,
    copied: { ram, layout: system, isLive: true },
    isLive: true,
  };
  const suspended: Standing = { ...live, machine: {} as never, virtualMs: 5 };
  t.same(systemOf([loader, marker(stepEnd('restore'))], suspended, undefined), live, 'that of the place before');
  t.equal(systemOf([loader], { ...suspended, layout: undefined }, undefined).layout, loader, 'if that had told it');
  const own = { layout: loader, copied: undefined, isLive: false };
  t.same(systemOf([loader], undefined, undefined), own, 'while it boots');
  t.same(systemOf([loader], undefined, suspended), own, 'while it loads an image');
  t.same(
    systemOf([loader, marker(stepEnd('restore'))], undefined, suspended),
    { layout: system, copied: { ram, layout: system, isLive: false }, isLive: false },
    'when that is back',
  );
  t.same(systemOf([], undefined, suspended), { ...own, layout: undefined }, 'before its kernel has told');
  t.end();
});
