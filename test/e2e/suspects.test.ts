// SPDX-License-Identifier: MIT
/** What stock hibernation of Linux 6.12 gets wrong, and the series mends: a loss of power during a resume. The soak has more of it. */
import t from 'tap';
import { runText } from './cycle-support.js';

/** A boot goes on from a checkpoint made with other disks: it must not have kept anything of these. */
const BLOCK = 'dd if=/dev/sda bs=4096 count=1 2> /dev/null';
const SAME_BLOCK = `[ "$(${BLOCK} | md5sum)" = "$(${BLOCK} iflag=direct | md5sum)" ]`;

t.test('power fails when the image has been read: it is still there, and once it is used it is gone', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: cut while resuming\ncontrol: false\nsteps:
  - boot
  - run: echo precious > /run/file
  - suspend: { method: swsusp }
  - resume: { faults: [{ cutPower: { marker: 'imageRead:end' } }] }
  - resume
  - verify
  - run: { command: cat /run/file, stdout: ^precious$ }
  - suspend: { method: swsusp }
  - resume: { faults: [{ cutPower: { marker: 'restore:begin' } }] }
  - boot
  - run: test ! -e /run/file
  - run: ${JSON.stringify(SAME_BLOCK)}
  - shutdown
`,
  );
  t.same(report.failures, [], 'and no image is said to be whole before it is');
  t.equal(report.cycles, 1);
});
