// SPDX-License-Identifier: MIT
/** snapshot(2): memory that is preserved in place is what it was, whatever the live timeline does to it. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { packagePath } from '../../tools/artifacts/paths.js';
import { runText } from './cycle-support.js';

t.test('what a live timeline does to memory is not seen by the restored one', async (t) => {
  const { report, outcome } = await runText(t.testdir({}), await readFile(packagePath('test', 'scenarios', 'mm-live-memory.yaml'), 'utf8'));
  t.same(report.failures, []);
  t.match(report.selfChecks, { passed: 11, failed: 0 });
  t.ok((outcome.main.cycles[0]?.memory?.pagesCompared ?? 0) > 5000);
});
