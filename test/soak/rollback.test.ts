// SPDX-License-Identifier: MIT
/** Two rollbacks in one boot, a kernel that does not go back wholly, and a rollback where there is nothing to go back to. */
import t from 'tap';
import { notCaught } from '../../tools/soak/mistakes.js';
import { brokenScenario } from '../e2e/broken.js';
import { runText } from '../e2e/cycle-support.js';
import { checkRollbacks } from '../e2e/rolled-back.js';

t.test('what the live timeline has done is undone, twice in one boot', async (t) => {
  await checkRollbacks(t, 2);
});

t.test('a broken kernel is caught', async (t) => {
  const mistake = 'keep-store';
  t.same(notCaught(mistake, await brokenScenario(t, mistake)), []);
});

t.test('a rollback without a snapshot is refused', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: refused\ncontrol: false\nsteps:
  - boot
  - run: { command: snapctl rollback 2>&1, exit: 1, stdout: '^snapctl: rollback: SNAPSHOT_FD is not set; let snapctl take' }
  - run: { command: SNAPSHOT_FD=0 snapctl rollback 2>&1 < /dev/null, exit: 1, stdout: 'Inappropriate ioctl for device; boot a kernel' }
  - shutdown
`,
  );
  t.same(report.failures, []);
});
