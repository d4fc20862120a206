// SPDX-License-Identifier: MIT
/** When planned faults have happened. */
import t from 'tap';
import type { Fault } from '../../../emulator/faults/fault.js';
import { faultMs } from '../../../emulator/faults/time.js';

const seen = {
  markers: [1, 5, 8].map((virtualMs) => ({ kind: 7, word0: 0, word1: 0, instruction: virtualMs, virtualMs })),
  virtualMs: 9,
};
const flip = (nth: number): Fault => ({ fault: 'flipMemory', at: { marker: 7, nth }, where: 0, xor: 1 });
const fail = (at: Extract<Fault, { fault: 'failDisk' }>['at']): Fault => ({
  fault: 'failDisk',
  at,
  disk: 0,
  failure: { requests: 'writes' },
});

t.test('markers are counted from the beginning of the step', async (t) => {
  t.same(
    [1, 2, 3].map((nth) => faultMs(flip(nth), seen, 2)),
    [5, 8, undefined],
  );
  t.equal(faultMs(flip(1), seen, 0), 1);
  t.equal(faultMs(fail({ marker: 7, nth: 2 }), seen, 2), 8);
});

t.test('what turns the machine off, or comes after that, is at its end', async (t) => {
  t.equal(faultMs({ fault: 'cutPower', at: { instruction: 4 } }, seen, 2), 9);
  t.equal(faultMs({ fault: 'alterSector', disk: 0, sector: 1, xor: 1 }, seen, 2), 9);
  t.equal(faultMs(fail('begin'), seen, 2), 2);
  t.equal(faultMs(fail({ write: 3 }), seen, 2), undefined, 'a write has no time');
});
