// SPDX-License-Identifier: MIT
import t from 'tap';
import { measureMemoryDiff, scatteredPages } from '../../../tools/bench/memory-diff.js';

t.test('scattered pages are different, ascending, in range, and the same for a seed', (t) => {
  const pages = scatteredPages(5000, 1000, 1);
  t.equal(new Set(pages).size, 1000);
  t.ok(pages.every((page, index) => page >= 0 && page < 5000 && page > (pages[index - 1] ?? -1)));
  t.same(scatteredPages(5000, 1000, 1), pages);
  t.not(scatteredPages(5000, 1000, 2).join(), pages.join());
  t.same(scatteredPages(3, 3, 9), [0, 1, 2], 'as many as there are');
  t.end();
});

t.test('each comparison is made as often as asked, and gives a speed', async (t) => {
  const capture = new Uint8Array(2 ** 20).map((_, at) => at * 7);
  const before = capture.slice();
  const samples = await measureMemoryDiff(capture, 3);
  for (const { memcmp, words } of Object.values(samples)) {
    for (const rates of [memcmp, words]) {
      t.equal(rates.length, 3);
      t.ok(rates.every((rate) => rate > 0 && Number.isFinite(rate)));
    }
  }
  t.ok(Buffer.from(capture).equals(before), 'the capture is left as it was');
});
