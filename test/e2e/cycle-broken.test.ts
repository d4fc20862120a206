// SPDX-License-Identifier: MIT
/**
 * Deliberately broken guests: each must be caught, and by the proof that is there for it. The soak has more of them, and all mistakes
 * that a kernel can be told to make; cycle.test.ts has the same cycle unbroken.
 */
import t from 'tap';
import { brokenCycle, kindsOf } from './broken.js';

t.test('one byte of RAM altered after the restore', async (t) => {
  const report = await brokenCycle(t.testdir({}), {
    resume: "{ faults: [{ flipMemory: { marker: 'restore:end', symbol: linux_banner } }] }",
  });
  t.equal(report.verdict, 'fail');
  t.same(kindsOf(report), ['memory']);
  t.equal(report.memory.pagesDiffering, 1);
  t.match(report.failures[0]?.details[0], /1 bytes? differ.*linux_banner/, 'named by its symbol');
  t.equal(report.image.pagesDiffering, 0);
});

t.test('one sector of the image altered while the machine is off', async (t) => {
  // A page of data in the middle of the image, in swap at sdb2.
  const report = await brokenCycle(t.testdir({}), {
    suspend: '{ method: swsusp, faults: [{ alterSector: { disk: 1, sector: 157120 } }] }',
  });
  t.equal(report.verdict, 'fail');
  t.equal(report.image.pagesDiffering, 1);
  t.equal(report.memory.pagesDiffering, 1, 'and comes back altered');
  t.same(kindsOf(report), ['image', 'memory']);
});
