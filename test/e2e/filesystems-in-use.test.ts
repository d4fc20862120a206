// SPDX-License-Identifier: MIT
/** Filesystems that nothing froze: their journals wait, and what the next mount makes of them is judged. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readReport } from '../../tools/library.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText, snapback } from './cycle-support.js';

t.test('stock hibernation with a filesystem of each kind in use', async (t) => {
  const json = join(t.testdir({}), 'report.json');
  const run = await snapback(['run', packagePath('test', 'scenarios', 'fs-swsusp.yaml'), '--json', json]);
  t.equal(run.status, 0, run.stdout + run.stderr);
  const read = readReport(await readFile(json, 'utf8'));
  if ('problem' in read) throw new Error(read.problem);
  t.same(read.report.failures, []);
  for (const filesystem of ['ext4', 'xfs', 'btrfs', 'f2fs', 'vfat']) {
    const checks = read.report.filesystems.filter((one) => one.filesystem === filesystem);
    t.same(
      new Set(checks.map(({ at, clean }) => `${at} ${clean}`)),
      new Set(['suspend true', 'shutdown true']),
      filesystem,
    );
  }
});

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
