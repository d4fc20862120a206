// SPDX-License-Identifier: MIT
/**
 * More of what stock hibernation of Linux 6.12 gets wrong, and the series mends: write caches, which swap area gets
 * the image, and reading an image in pieces.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { passing, runText } from '../e2e/cycle-support.js';

t.test('an image that is complete does not get lost in the write cache of its disk', async (t) => {
  t.match(await passing('image-cached'), { verdict: 'pass', failures: [] });
});

t.test('the image goes to the swap area from which the next boot resumes, not to the first that is on', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: swap in RAM comes first\ncontrol: false\nsteps:
  - boot
  - run: swapoff -a; echo 32M > /sys/block/zram0/disksize && mkswap /dev/zram0 > /dev/null && swapon -p 100 /dev/zram0 && swapon -a
  - run: { command: "awk 'NR == 2 { print $1 }' /proc/swaps", stdout: '/dev/zram0' }
  - run: echo precious > /run/file
  - suspend: { method: swsusp }
  - resume
  - verify
  - run: { command: cat /run/file, stdout: precious }
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.equal(report.cycles, 1);
});

t.test('no image is written into swap in RAM', async (t) => {
  /** Makes a device, hibernates to swap on it, and prints how that ended and what the kernel said. */
  const refused = (device: string, kernelName: string, setUp = 'true'): string => {
    const command = [
      `${setUp} && mkswap ${device} > /dev/null && swapon ${device} || exit 9`,
      'echo disk > /sys/power/state 2> /dev/null; echo "status $?"; cat /sys/power/resume',
      `swapoff ${device}; dmesg | grep -o "PM: .*swap.*" -i; dmesg -C`,
    ].join('; ');
    const said = `PM: Swap on ${kernelName} is in RAM, an image there would be lost: name another area in /sys/power/resume`;
    const stdout = `status [12]\n0:0\n[^]*${said}`;
    return `  - run: { command: ${JSON.stringify(command)}, stdout: ${JSON.stringify(stdout)} }`;
  };
  const { report, outcome } = await runText(
    t.testdir({}),
    `name: swap in RAM\ncontrol: false\nsteps:
  - boot
  # What the kernel says of it is no finding here: it is kept off the console.
  - run: swapoff -a; echo shutdown > /sys/power/disk; dmesg -C; dmesg -n 1
${refused('/dev/zram0', 'zram0', 'echo 32M > /sys/block/zram0/disksize')}
${refused('/dev/ram0', 'ram0')}
${refused('/dev/loop0', 'loop0', 'head -c 32M /dev/zero > /run/file && losetup /dev/loop0 /run/file')}
${refused('/dev/mapper/over', 'dm-1', "DM_DISABLE_UDEV=1 dmsetup create over --table '0 65536 linear /dev/ram1 0'")}
  - run: swapon -a; dmesg -n 7
  - run: echo precious > /run/file
  - suspend: { method: swsusp }
  - resume
  - run: { command: cat /run/file, stdout: precious }
`,
  );
  t.same(report.failures, [], outcome.main.commands.map(({ stdout, stderr }) => stdout + stderr).join(''));
  t.equal(outcome.main.commands.length, 8);
});

t.test('an image is read from /dev/snapshot in pieces of any size', async (t) => {
  const dir = t.testdir({});
  const source = packagePath('test', 'scenarios', 'programs', 'small-reads.c');
  await promisify(execFile)('i686-linux-gnu-gcc', [
    '-static',
    '-Os',
    '-Wall',
    '-Werror',
    '-o',
    join(dir, 'small-reads'),
    source,
  ]);
  const { report, outcome } = await runText(
    dir,
    `name: small reads\ncontrol: false\nfiles:\n  - { from: small-reads, to: /root/small-reads, mode: '0755' }\nsteps:
  - boot
  - run: /root/small-reads
  - shutdown
`,
  );
  t.same(report.failures, [], outcome.main.commands.map(({ stdout }) => stdout).join(''));
});
