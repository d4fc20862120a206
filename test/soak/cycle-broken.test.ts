// SPDX-License-Identifier: MIT
/** More of the deliberately broken guests of test/e2e/cycle-broken.test.ts. */
import t from 'tap';
import { brokenCycle, kindsOf } from '../e2e/broken.js';

t.test('one sector of a filesystem altered while the machine is off', async (t) => {
  const report = await brokenCycle(t.testdir({}), {
    suspend: '{ method: swsusp, faults: [{ alterSector: { disk: 0, sector: 300000 } }] }',
  });
  t.equal(report.verdict, 'fail');
  t.same(kindsOf(report), ['disk']);
  t.equal(report.disk.sectorsDiffering, 1);
  t.match(report.failures[0]?.details[0], /sda.*300000/);
  t.equal(report.memory.pagesDiffering, 0);
});

t.test('a kernel that copies all pages but one', async (t) => {
  const report = await brokenCycle(t.testdir({}), { kernel: 'skip-page' });
  t.equal(report.verdict, 'fail');
  t.equal(report.image.pagesDiffering, 1, 'pages of the image');
  t.equal(report.memory.pagesDiffering, 1, 'pages of RAM');
  t.ok(
    report.failures.every(({ replay }) => replay.startsWith('npx snapback run ')),
    'says how to see it again',
  );
});
