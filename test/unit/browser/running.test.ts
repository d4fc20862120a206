// SPDX-License-Identifier: MIT
/** What the machine of a run writes, told to the page while it runs. */
import t from 'tap';
import { createWrittenTeller, withWritten } from '../../../emulator/host/browser/session/running.js';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import type { MarkerSeen, Written } from '../../../emulator/machine/contract.js';

const marker = (kind: number): MarkerSeen => ({ kind, word0: 0, word1: 0, instruction: kind, virtualMs: 1 });
const wrote = (at: number, markers: readonly MarkerSeen[] = []): Written => ({
  markers,
  writes: [[], [{ instruction: at, sector: at, count: 1 }]],
  instructions: at,
  virtualMs: at,
});
const sectorsOf = ({ writes }: Pick<Written, 'writes'>): readonly (readonly number[])[] =>
  writes.map((of) => of.map(({ sector }) => sector));

t.test('at most ten times a second, without a loss', async (t) => {
  let nowMs = 0;
  let timer: { readonly atMs: number; readonly act: () => void } | undefined;
  const told: (readonly [atMs: number, machine: number, sectors: readonly number[]])[] = [];
  const teller = createWrittenTeller(
    (machine, written) => told.push([nowMs, machine, sectorsOf(written)[1] ?? []]),
    () => nowMs,
    (ms, act) => {
      t.equal(timer, undefined, 'there is one timer at most');
      timer = { atMs: nowMs + ms, act };
      return () => (timer = undefined);
    },
  );
  const at = (ms: number, act: () => void): void => {
    while (timer && timer.atMs <= ms) {
      nowMs = timer.atMs;
      timer.act();
    }
    nowMs = ms;
    act();
  };
  at(0, () => teller.add(1, wrote(1)));
  at(15, () => teller.add(1, wrote(2)));
  at(30, () => teller.add(1, wrote(3)));
  at(120, () => teller.add(1, wrote(4)));
  at(500, () => teller.add(1, wrote(5)));
  t.same(
    told,
    [
      [0, 1, [1]],
      [100, 1, [2, 3]],
      [200, 1, [4]],
      [500, 1, [5]],
    ],
    'at once after a silence',
  );
  at(510, () => teller.add(1, wrote(6)));
  at(520, () => teller.forget());
  at(700, () => teller.add(2, wrote(7)));
  t.same(told.slice(4), [[700, 2, [7]]], 'what has been told in another way is not told again');
  at(710, () => teller.add(2, wrote(8)));
  at(720, () => teller.add(3, wrote(9)));
  at(900, () => undefined);
  t.same(told.slice(5), [[800, 3, [9]]], 'no other machine has the writes of one that has ended');
});

t.test('the machine that runs', async (t) => {
  const told: MachineShown = { number: 1, startVirtualMs: 0, ...wrote(5, [marker(1)]) };
  const first = withWritten([told], undefined, 1, wrote(6, [marker(2)]));
  t.match(first, { number: 1, startVirtualMs: 0, instructions: 6, virtualMs: 6 });
  t.same(first.markers, [marker(1), marker(2)], 'all of its markers');
  t.same(sectorsOf(first), [[], [6]], 'but only what it has written since');
  const second = withWritten([told], first, 1, wrote(7));
  t.same([sectorsOf(second), second.markers.length], [[[], [6, 7]], 2]);
  const other = withWritten([told], second, 2, wrote(8));
  t.match(other, { number: 2, startVirtualMs: 5, virtualMs: 8 }, 'the next one begins where the last one has ended');
  t.same([sectorsOf(other), other.markers], [[[], [8]], []]);
});
