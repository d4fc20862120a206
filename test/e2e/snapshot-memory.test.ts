// SPDX-License-Identifier: MIT
/** snapshot(2): memory is what it was at the call, whatever the live timeline does to it. The soak also has it swapped out. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import type { ScenarioRun } from '../../tools/library.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText } from './cycle-support.js';

const runFile = async (dir: string, name: string): Promise<ScenarioRun> =>
  runText(dir, await readFile(packagePath('test', 'scenarios', name), 'utf8'));

t.test('what a live timeline does to memory is not seen by the restored one', async (t) => {
  const { report, outcome } = await runFile(t.testdir({}), 'mm-live-memory.yaml');
  t.same(report.failures, []);
  t.match(report.selfChecks, { passed: 11, failed: 0 });
  t.ok((outcome.main.cycles[0]?.memory?.pagesCompared ?? 0) > 5000);
});
