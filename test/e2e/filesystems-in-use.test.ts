// SPDX-License-Identifier: MIT
/** Filesystems that nothing froze: their journals wait, and what the next mount makes of them is judged. */
import t from 'tap';
import { runText } from './cycle-support.js';

/** Power fails while files of an xfs are made and removed; before that, `spoil` is run. */
const powerCut = (spoil: string): string => `name: xfs\ndisks: [root, filesystems]\ncontrol: false\nsteps:
  - boot
  - run: mkdir -p /mnt/xfs && mount /dev/sdb5 /mnt/xfs && mkdir /mnt/xfs/load
  - start: fs-load /mnt/xfs/load
  - run: sleep 2 && ${spoil}
  - cutPower
`;

t.test('an xfs in use when power fails', async (t) => {
  const { report } = await runText(t.testdir({}), powerCut('true'));
  t.same(report.failures, []);
  t.match(
    report.filesystems.find(({ device }) => device === 'sdb5'),
    { at: 'powerOff', filesystem: 'xfs', clean: true },
  );
});

t.test('a replay of the journal hides no damage', async (t) => {
  // The free space of the second allocation group, which this little work does not come to.
  const spoil = 'dd if=/dev/sdb5 of=/dev/sdb5 bs=512 skip=4000 seek=153601 count=1 oflag=direct conv=notrunc';
  const { report } = await runText(t.testdir({}), powerCut(spoil));
  t.match(report.failures, [{ kind: 'filesystem', what: /finds fault with sdb5 \(xfs\) at powerOff/ }]);
});
