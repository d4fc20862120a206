// SPDX-License-Identifier: MIT
/** More mistakes about snapshot(2), beside those of test/e2e/snapshot-broken.test.ts: what the proofs say of each. */
import t from 'tap';
import { brokenScenario, proofTexts } from '../e2e/broken.js';

t.test('ignore-holders: pages are preserved that lie in a pipe, too', async (t) => {
  const report = await brokenScenario(t, 'ignore-holders');
  const [first, ...others] = proofTexts(report);
  t.match(
    first,
    /^memory: \d+ preserved pages are held by too many references: pfn 0x\w+: 3 references, 1 of them by page tables: anonymous memory, live-spliced \(pid \d+\) at 0x/,
  );
  t.same(others, [], 'nobody has written to them');
});

t.test('thaw-early: filesystems go on before they have substitutes', async (t) => {
  const report = await brokenScenario(t, 'thaw-early');
  t.match(
    proofTexts(report)[0],
    /^disk: the system continued before its writes were redirected: tasks thawed at instruction \d+/,
  );
  t.match(
    report.failures.filter(({ kind }) => kind === 'disk')[1]?.details.join('\n'),
    /sda: .*: ext4: (?:journal|\/root\/now|superblock)/,
  );
  t.ok(report.disk.originSectorsWritten > 0);
});

t.test('reuse-swap: slots that the image refers to are written', async (t) => {
  const report = await brokenScenario(t, 'reuse-swap');
  t.match(
    report.failures.find(({ kind }) => kind === 'disk')?.details[0],
    /^sdb2: \d+ from sector \d+: swap slot \d+$/,
  );
  // The slots hold memory of the process that is checked, and perhaps of others. The agent, which runs the check, is one of
  // these, and then fails first.
  const lost = report.failures.find(({ kind }) => kind === 'command' || kind === 'guest');
  t.match(lost?.what, /selfcheck verify|^no such job: No such process/, 'what was swapped out is lost');
});
