// SPDX-License-Identifier: MIT
import t from 'tap';
import { bisect, type Bisection } from '../../../emulator/validate/bisect.js';

/** The patch of that index is the first bad one; with the first `unbuilt` patches, nothing builds. */
async function found(count: number, index: number, unbuilt: readonly number[] = []): Promise<[Bisection, number[]]> {
  const judged: number[] = [];
  const result = await bisect(count, (first) => {
    judged.push(first);
    if (unbuilt.includes(first)) return Promise.resolve({ skip: `not with ${first}` });
    return Promise.resolve(first > index ? 'bad' : 'good');
  });
  return [result, judged];
}

t.test('the first bad one, in as few steps as halving takes', async (t) => {
  for (const count of [1, 2, 3, 7, 8, 20]) {
    for (let index = 0; index < count; index++) {
      const [{ suspects, skipped }, judged] = await found(count, index);
      t.same(suspects, [index], `${index} of ${count}`);
      t.same(skipped, []);
      t.ok(judged.length <= Math.ceil(Math.log2(count)), `${judged.length} steps`);
      t.notOk(judged.includes(0) || judged.includes(count), 'what is known is not judged');
    }
  }
});

t.test('what cannot be judged is stepped over', async (t) => {
  t.match(await found(8, 6, [4]), [{ suspects: [6], skipped: [{ index: 3, why: 'not with 4' }] }]);
  t.match(await found(8, 0, [4, 3]), [{ suspects: [0] }]);
  const [{ suspects, skipped }] = await found(6, 3, [4, 3]);
  t.same(suspects, [2, 3, 4], 'it may be any of those around it');
  t.same(
    skipped.map(({ index }) => index),
    [2, 3],
  );
  const [none, judged] = await found(4, 2, [1, 2, 3]);
  t.same(none.suspects, [0, 1, 2, 3]);
  t.equal(judged.length, 3, 'nothing is judged twice');
});
