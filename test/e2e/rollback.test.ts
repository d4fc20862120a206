// SPDX-License-Identifier: MIT
/** snapshot(2): the live timeline is given up, and the machine is back at the snapshot. */
import t from 'tap';
import { notCaught } from '../../tools/soak/mistakes.js';
import { brokenScenario } from './broken.js';
import { runText } from './cycle-support.js';
import { checkRollbacks } from './rolled-back.js';

t.test('what the live timeline has done is undone', async (t) => {
  await checkRollbacks(t, 1);
});

t.test('power is cut right after the rollback', async (t) => {
  // The live timeline has thawed its filesystems before.
  const { report } = await runText(
    t.testdir({}),
    `name: cut\ncontrol: false\nsteps:
  - boot
  - run: echo before > /root/where && sync
  - suspend:
      method: sys_snapshot
      then: rollback
      beforeSaving: [echo live > /root/where && sync]
      faults: [{ cutPower: { marker: 'thawFilesystems:end', nth: 2 } }]
  - boot
  - run: { command: cat /root/where, stdout: '^before$' }
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report.filesystems, [{ at: 'powerOff', device: 'sda', clean: true }]);
});

t.test('a broken kernel is caught', async (t) => {
  const mistake = 'skip-put-back';
  t.same(notCaught(mistake, await brokenScenario(t, mistake)), []);
});
