// SPDX-License-Identifier: MIT
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { inPool } from '../../../emulator/validate/pool.js';

t.test('each item once, in order, and no more at once than there may be', async (t) => {
  for (const size of [1, 2, 3, 9]) {
    const begun: number[] = [];
    let [now, most] = [0, 0];
    await inPool([1, 2, 3, 4, 5], size, async (item) => {
      begun.push(item);
      most = Math.max(most, ++now);
      await turn();
      now--;
    });
    t.same(begun, [1, 2, 3, 4, 5]);
    t.equal(most, Math.min(size, 5), `${size} at once`);
  }
  await inPool([], 2, () => Promise.reject(new Error('there is nothing to do')));
});

t.test('after a failure nothing is begun, and nothing goes on', async (t) => {
  const ended: number[] = [];
  const begun: number[] = [];
  await t.rejects(
    inPool([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      await turn();
      if (item === 1) throw new Error('the first');
      await turn();
      ended.push(item);
      if (item === 2) throw new Error('the second');
    }),
    { message: 'the first' },
  );
  t.same(begun, [1, 2]);
  t.same(ended, [2], 'what was under way has been waited for');
});
