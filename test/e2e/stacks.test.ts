// SPDX-License-Identifier: MIT
/** Some stacks of filesystems and devices in one machine, each written to during the snapshot. `npm run soak -- stacks` runs all. */
import t from 'tap';
import { scenarioOf } from '../../tools/soak/stack-scenario.js';
import { stacksNamed } from '../../tools/soak/stack-run.js';
import { runText } from './cycle-support.js';

t.test('a file on a file, and a device that is suspended far below at first', async (t) => {
  const stacks = stacksNamed(['xfs on crypt on loop on ext4', 'ext4 on loop on xfs on suspended linear']);
  const { report } = await runText(t.testdir({}), scenarioOf(stacks, 'taken'));
  t.same(report.failures, []);
  t.equal(report.verdict, 'pass');
});
