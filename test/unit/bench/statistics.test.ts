// SPDX-License-Identifier: MIT
/** Sums of samples, and turns. */
import t from 'tap';
import { InputError } from '../../../emulator/machine/errors.js';
import { ratio, summarize } from '../../../tools/bench/statistics.js';
import { inTurns } from '../../../tools/bench/turns.js';

t.test('the median is the middle sample, or the mean of the two in the middle', (t) => {
  t.same(summarize([3, 1, 20]), { median: 3, min: 1, max: 20, samples: [3, 1, 20] });
  t.equal(summarize([4, 1, 2, 100]).median, 3);
  t.same(summarize([7]), { median: 7, min: 7, max: 7, samples: [7] });
  t.throws(() => summarize([]), InputError);
  t.end();
});

t.test('a ratio is of medians; its bounds are of samples of the same turn', (t) => {
  // The host was ten times slower in the second turn, for both.
  t.same(ratio([2, 20, 3], [1, 10, 1]), { ofMedians: 3, min: 2, max: 3 });
  t.same(ratio([1, 1, 8], [2, 2, 2]), { ofMedians: 0.5, min: 0.5, max: 4 });
  t.throws(() => ratio([1, 2], [1]), InputError);
  t.throws(() => ratio([], []), InputError);
  t.end();
});

t.test('turns alternate their direction, and no two things run at once', async (t) => {
  const order: string[] = [];
  let running = 0;
  const thing = (name: string) => async () => {
    t.equal(running++, 0);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    order.push(name);
    return order.length;
  };
  const seen: string[] = [];
  const samples = await inTurns({ a: thing('a'), b: thing('b') }, 3, (name, turn, sample) =>
    seen.push(`${name}${turn}=${sample}`),
  );
  t.same(order, ['a', 'b', 'b', 'a', 'a', 'b']);
  t.same(samples, { a: [1, 4, 5], b: [2, 3, 6] });
  t.same(seen, ['a0=1', 'b0=2', 'b1=3', 'a1=4', 'a2=5', 'b2=6']);
});

t.test('what fails ends the turns', async (t) => {
  let later = 0;
  const contenders = { bad: () => Promise.reject(new Error('no')), next: () => Promise.resolve(++later) };
  await t.rejects(inTurns(contenders, 2), /no/);
  t.equal(later, 0);
});
