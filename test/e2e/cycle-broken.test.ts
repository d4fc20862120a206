// SPDX-License-Identifier: MIT
/** Deliberately broken guests: each must be caught, and by the proof that is there for it. */
import t from 'tap';
import type { Report } from '../../emulator/index.js';
import { runText } from './cycle-support.js';

const scenario = (suspend: string, resume: string, more = ''): string => `name: broken
control: false
${more}steps:
  - boot
  - suspend: ${suspend}
  - resume: ${resume}
  - verify
  - shutdown
`;

const kinds = ({ failures }: Report): readonly string[] => [...new Set(failures.map(({ kind }) => kind))];

t.test('one byte of RAM altered after the restore', async (t) => {
  const { report } = await runText(t.testdir({}), scenario('{}', "{ faults: [{ flipMemory: { marker: 'restore:end', symbol: linux_banner } }] }"));
  t.equal(report.verdict, 'fail');
  t.same(kinds(report), ['memory']);
  t.equal(report.memory.pagesDiffering, 1);
  t.match(report.failures[0]?.details[0], /1 bytes? differ.*linux_banner/, 'named by its symbol');
  t.equal(report.image.pagesDiffering, 0);
});
