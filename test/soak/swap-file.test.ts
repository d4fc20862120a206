// SPDX-License-Identifier: MIT
/** Stock hibernation into swap areas that are files. */
import t from 'tap';
import { passing, runText } from '../e2e/cycle-support.js';

t.test('swap files in pieces on a partition, and on the root', async (t) => {
  const report = await passing('swap-file');
  t.match(report, {
    method: 'swsusp',
    cycles: 2,
    memory: { pagesDiffering: 0 },
    image: { pagesDiffering: 0 },
    disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
  });
  t.ok(report.image.pagesCompared > 5000);
  t.equal(report.image.pagesCompared, report.memory.pagesCompared);
});

t.test('the place of a swap file on each filesystem, and what is none', async (t) => {
  const file = '/mnt/swap file';
  const make = `dd if=/dev/zero of='${file}' bs=1M count=8 2> /dev/null && chmod 600 '${file}' && mkswap '${file}' > /dev/null && swapon '${file}'`;
  // The program looks its answer up on the device: it fails if the header of the swap area is not there.
  const placed = (device: string, type: string, before = 'true'): string => {
    const command = `mount -t ${type} ${device} /mnt && ${before} && ${make} && swap-place '${file}' && swapoff '${file}' && umount /mnt`;
    return `  - run: { command: ${JSON.stringify(command)}, stdout: '^${device} [1-9]\\d*$' }`;
  };
  const refused = (swap: string, message: string): string =>
    `  - suspend: { method: swsusp, swap: ${JSON.stringify(swap)}, expect: { refused: ${JSON.stringify(message)} } }`;
  const { report, outcome } = await runText(
    t.testdir({}),
    `name: places
disks: [root, filesystems]
machine: { memory: 128 MiB }
control: false
steps:
  - boot
${placed('/dev/sdb4', 'ext4')}
${placed('/dev/sdb5', 'xfs')}
${placed('/dev/sdb6', 'btrfs', `touch '${file}' && chattr +C '${file}'`)}
${placed('/dev/sdb7', 'f2fs')}
${placed('/dev/sdb8', 'vfat')}
  - run: { command: swap-place /dev/sdb2, stdout: '^/dev/sdb2 0$' }
${refused('/nothing', '^swap-place: /nothing: No such file or directory$')}
  - run: dd if=/dev/zero of=/off bs=1M count=8 2> /dev/null && mkswap /off
${refused('/off', '^swap-place: /off: it is not swap that is on')}
  # The step's area counts, not that of the command line, which is off.
  - run: swapoff -a && chmod 600 /off && swapon /off
  - suspend: { method: swsusp, expect: { refused: 'PM: Cannot (find swap device|get swap writer)' } }
  - shutdown
`,
  );
  t.same(report.failures, [], outcome.main.commands.map(({ stdout, stderr }) => stdout + stderr).join(''));
});
