// SPDX-License-Identifier: MIT
import t from 'tap';
import { MISTAKES, missedMistake } from '../../../emulator/faults/mistake.js';
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { markerName, MISTAKE_MARKERS, stepBegin } from '../../../emulator/machine/markers.js';

const marker = (kind: number, word0 = 0, word1 = 0): MarkerSeen => ({
  kind,
  word0,
  word1,
  instruction: 0,
  virtualMs: 0,
});
const call = marker(stepBegin('call'));
const asked = (mistake: (typeof MISTAKES)[number]): MarkerSeen =>
  marker(MISTAKE_MARKERS.asked, MISTAKES.indexOf(mistake));
const made = (mistake: (typeof MISTAKES)[number]): MarkerSeen =>
  marker(MISTAKE_MARKERS.made, MISTAKES.indexOf(mistake), 0x123);

t.test('a mistake that was made is no news', async (t) => {
  t.equal(missedMistake([], []), undefined);
  t.equal(missedMistake([call], ['quiet', 'rig.break=none']), undefined);
  t.equal(missedMistake([call, asked('skip-page'), made('skip-page')], []), undefined);
  t.equal(
    missedMistake([call, made('reuse-swap'), asked('reuse-swap')], []),
    undefined,
    'before the image is made, too',
  );
});

t.test('one that was not made proves nothing', async (t) => {
  t.match(
    missedMistake([call, asked('skip-page')], []),
    /'skip-page'.* was requested, but the kernel did not make it: it found nothing to damage/,
  );
  t.match(missedMistake([call, asked('skip-page'), made('flip-copy')], []), /did not make it/);
  t.match(
    missedMistake([call, asked('thaw-early'), made('thaw-early'), call, asked('thaw-early')], []),
    /did not make it/,
    'each cycle counts',
  );
  t.match(missedMistake([call], ['rig.break=skip-page']), /'skip-page'.* it does not know this mistake/);
});

t.test('markers by name', async (t) => {
  t.equal(markerName(MISTAKE_MARKERS.asked), 'mistake:asked');
  t.equal(markerName(MISTAKE_MARKERS.made), 'mistake:made');
});
