// SPDX-License-Identifier: MIT
/** What the page shows of the consoles of two timelines. */
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import { createConsoles, timelineIn } from '../../../emulator/host/browser/consoles.js';
import { stepEnd, type KernelStep } from '../../../emulator/machine/markers.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (of: Uint8Array | undefined): string | undefined => of && new TextDecoder().decode(of);

t.test('the console of the timeline before is kept', async (t) => {
  const consoles = createConsoles(10);
  const shows = (timeline: string, shown: string): boolean => {
    const isOther = consoles.turn(timeline);
    consoles.add(bytes(shown));
    return isOther;
  };
  t.notOk(shows('1.0', 'one '), 'the first');
  t.notOk(shows('1.0', 'two '));
  t.equal(consoles.before(), undefined);
  t.ok(shows('2.0', 'three '));
  t.equal(text(consoles.before()), 'one two ');
  t.notOk(shows('2.0', 'four five'));
  t.ok(shows('3.0', 'six'));
  t.equal(text(consoles.before()), ' four five', 'at most its end');
  consoles.clear();
  t.equal(consoles.before(), undefined);
  t.notOk(shows('1.0', 'anew'));
});

t.test('timelines', async (t) => {
  const machine = (number: number, ...ended: readonly KernelStep[]): MachineShown => ({
    number,
    startVirtualMs: 0,
    virtualMs: 9,
    instructions: 9,
    markers: ended.map((step) => ({ kind: stepEnd(step), word0: 0, word1: 0, instruction: 1, virtualMs: 1 })),
    writes: [],
  });
  t.equal(timelineIn(1, undefined), '1.0');
  t.equal(timelineIn(1, machine(1, 'copy')), '1.0', 'the live timeline goes on where the snapshot was taken');
  t.equal(timelineIn(1, machine(1, 'copy', 'restore')), '1.1', 'rolled back');
  t.equal(timelineIn(1, machine(1, 'copy', 'restore', 'copy', 'restore')), '1.2');
  t.equal(timelineIn(2, machine(1, 'copy', 'restore')), '2.0', 'of which nothing has been told yet');
  t.equal(timelineIn(2, machine(2, 'restore')), '2.0', 'resumed');
});
