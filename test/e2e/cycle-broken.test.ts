// SPDX-License-Identifier: MIT
/**
 * Deliberately broken guests: each must be caught, and by the proof that is there for it. The soak runs all mistakes that a kernel can
 * be told to make; cycle.test.ts, the same cycle unbroken.
 */
import t from 'tap';
import type { Report } from '../../tools/library.js';
import { runText } from './cycle-support.js';

const kinds = ({ failures }: Report): readonly string[] => [...new Set(failures.map(({ kind }) => kind))].sort();

/** A cycle whose suspend, resume or kernel is broken. */
async function broken(
  dir: string,
  parts: { readonly suspend?: string; readonly resume?: string; readonly kernel?: string },
): Promise<Report> {
  const mistake =
    parts.kernel === undefined ? '' : `  - run: echo ${parts.kernel} > /sys/module/rig/parameters/break\n`;
  const text = `name: broken
control: false
steps:
  - boot
${mistake}  - suspend: ${parts.suspend ?? '{ method: swsusp }'}
  - resume: ${parts.resume ?? '{}'}
  - verify
  - shutdown
`;
  return (await runText(dir, text)).report;
}

t.test('one byte of RAM altered after the restore', async (t) => {
  const report = await broken(t.testdir({}), {
    resume: "{ faults: [{ flipMemory: { marker: 'restore:end', symbol: linux_banner } }] }",
  });
  t.equal(report.verdict, 'fail');
  t.same(kinds(report), ['memory']);
  t.equal(report.memory.pagesDiffering, 1);
  t.match(report.failures[0]?.details[0], /1 bytes? differ.*linux_banner/, 'named by its symbol');
  t.equal(report.image.pagesDiffering, 0);
});

t.test('one sector of a filesystem altered while the machine is off', async (t) => {
  const report = await broken(t.testdir({}), {
    suspend: '{ method: swsusp, faults: [{ alterSector: { disk: 0, sector: 300000 } }] }',
  });
  t.equal(report.verdict, 'fail');
  t.same(kinds(report), ['disk']);
  t.equal(report.disk.sectorsDiffering, 1);
  t.match(report.failures[0]?.details[0], /sda.*300000/);
  t.equal(report.memory.pagesDiffering, 0);
});

t.test('one sector of the image altered while the machine is off', async (t) => {
  // A page of data in the middle of the image, in swap at sdb2.
  const report = await broken(t.testdir({}), {
    suspend: '{ method: swsusp, faults: [{ alterSector: { disk: 1, sector: 157120 } }] }',
  });
  t.equal(report.verdict, 'fail');
  t.equal(report.image.pagesDiffering, 1);
  t.equal(report.memory.pagesDiffering, 1, 'and comes back altered');
  t.same(kinds(report), ['image', 'memory']);
});

t.test('a kernel that copies all pages but one', async (t) => {
  const report = await broken(t.testdir({}), { kernel: 'skip-page' });
  t.equal(report.verdict, 'fail');
  t.equal(report.image.pagesDiffering, 1, 'pages of the image');
  t.equal(report.memory.pagesDiffering, 1, 'pages of RAM');
  t.ok(
    report.failures.every(({ replay }) => replay.startsWith('npx snapback run ')),
    'says how to see it again',
  );
});
