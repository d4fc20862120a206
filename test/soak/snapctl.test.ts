// SPDX-License-Identifier: MIT
/** snapctl in the guest: targets that fail, and of each kind of filesystem, whether it has been used since the snapshot. */
import t from 'tap';
import { resultOf, shell, type CommandResult } from '../../emulator/cycle/commands.js';
import { SNAPSHOT_CMDLINE } from '../../emulator/cycle/sys-snapshot.js';
import { bootable } from '../e2e/guest-support.js';

const { inGuest } = await bootable({ cmdline: [SNAPSHOT_CMDLINE] });

t.test('an image is saved at any pace, or not at all', async (t) => {
  await inGuest(async (agent) => {
    const run = async (command: string): Promise<CommandResult> =>
      resultOf(await agent.exec(shell(command), { virtualMsMax: 120_000 }));
    const take = (command: string): Promise<CommandResult> => run(`snapctl take sh -c '${command}'`);

    t.match(await take('snapctl info; snapctl save /dev/full'), {
      exitCode: 1,
      stdout: /^pages: \d+ copied, \d+ preserved in place/m,
      stderr:
        /\/dev\/full: cannot be written after byte 0 of the image: No space left on device; make room there or save elsewhere/,
    });
    t.match(
      await take(
        'mkdir -p /run/small; mount -t tmpfs -o size=8m none /run/small; snapctl save /run/small/image; s=$?; ls /run/small; umount /run/small; exit $s',
      ),
      {
        exitCode: 1,
        stdout: '',
        stderr:
          /cannot be written after byte \d{7,} of the image: No space left on device.*\n.*the incomplete image was removed/,
      },
    );
    t.match(await take('snapctl save /root/image; s=$?; ls /root/image; exit $s'), {
      exitCode: 1,
      stdout: '',
      stderr: /\/root\/image: is on a filesystem that was mounted at the snapshot/,
    });
    t.match(await take('snapctl take true'), {
      exitCode: 1,
      stderr: /snapshot: Device or resource busy; \S+ \(pid \d+\) holds the image of another snapshot: await its end/,
    });
    t.match(
      await run(
        'mkdir /run/fuse; fusefs /run/fuse > /run/fuse.log & until [ -s /run/fuse.log ]; do sleep 0.1; done; head -c 64K /dev/zero > /run/fuse/disk; mkswap /run/fuse/disk > /dev/null; losetup /dev/loop7 /run/fuse/disk; swapon /dev/loop7; snapctl take true; s=$?; swapoff /dev/loop7; losetup -d /dev/loop7; sleep 0.5; umount /run/fuse; exit $s',
      ),
      {
        exitCode: 1,
        stderr:
          /snapshot: Operation not supported; a filesystem cannot be frozen: .*\nsnapctl: the kernel says: snapshot: loop7 is in a file of fuse filesystem \S+, which cannot be frozen/,
      },
    );
    // Read in pieces of odd sizes by one program after another, slowly, and through pipes.
    const slow =
      '{ dd bs=1 count=5001 status=none; dd bs=4095 count=3 status=none; sleep 1; dd bs=99991 status=none; } <&$SNAPSHOT_FD | snapctl save --stdin - | dd bs=7777 status=none | snapctl verify -';
    t.match(await take(slow), { exitCode: 0, stdout: /^-: whole: \d+ bytes of image/, stderr: '' });
    // A device of its own needs no filesystem.
    t.match(await run('snapctl resume /dev/sdb1'), { exitCode: 3, stderr: '' }, 'none there');
    t.match(await take('snapctl save /dev/sdb1 && snapctl verify /dev/sdb1 && snapctl resume --check /dev/sdb1'), {
      exitCode: 0,
      stderr: '',
      stdout: /^\/dev\/sdb1: whole/,
    });
    t.match(
      await take('head -c 4096 <&$SNAPSHOT_FD > /dev/null; snapctl save /run/image && snapctl verify /run/image'),
      { exitCode: 0, stdout: /^\/run\/image: whole/ },
      'what has been read of it before is read again',
    );
    t.match(await take('snapctl save - | head -c 10000 > /dev/null; snapctl info'), {
      exitCode: 0,
      stderr: /standard output: cannot be written after byte \d+ of the image: Broken pipe: what reads it has ended/,
    });
  });
});

t.test('filesystems and swap that have been used since are stale, others are not', async (t) => {
  await inGuest(async (agent) => {
    const script = `swapoff /dev/sdb2; mkdir -p /run/fs
      check() { snapctl resume --check /run/$1.image > /run/said 2>&1 && echo $1 $2 good || echo $1 $2 "$(head -1 /run/said)"; }
      try() {
        kind=$1 device=$2; shift 2
        "$@" $device > /run/mkfs 2>&1 || { cat /run/mkfs; return; }
        mount -t $kind $device /run/fs && mkdir /run/fs/a && echo one > /run/fs/a/b && sync
        umount /run/fs
        head -c 100000 /dev/zero | SNAPSHOT_UUID=00112233445566778899aabbccddeeff SNAPSHOT_STORE=memory SNAPSHOT_DEVICES=$(cat /sys/class/block/\${device##*/}/dev) snapctl save --stdin /run/$kind.image
        check $kind untouched
        mount -t $kind -o ro $device /run/fs && cat /run/fs/a/b > /run/read && umount /run/fs
        check $kind read
        mount -t $kind $device /run/fs && echo two > /run/fs/a/c && umount /run/fs
        check $kind written
      }
      try ext4 /dev/sdb2 mkfs.ext4 -q -F
      try xfs /dev/sdb2 mkfs.xfs -q -f
      try btrfs /dev/sdb2 mkfs.btrfs -q -f
      try f2fs /dev/sdb2 mkfs.f2fs -q -f
      try vfat /dev/sdb2 mkfs.vfat
      mkswap /dev/sdb2 > /run/mkfs 2>&1
      head -c 100000 /dev/zero | SNAPSHOT_UUID=00112233445566778899aabbccddeeff SNAPSHOT_STORE=memory SNAPSHOT_DEVICES=8:18 snapctl save --stdin /run/swap.image
      check swap untouched
      mkswap /dev/sdb2 > /run/mkfs 2>&1
      check swap remade
      # What the live timeline writes is not on the disk.
      mkfs.xfs -q -f /dev/sdb2 && mount -t xfs /dev/sdb2 /run/fs && echo one > /run/fs/a
      snapctl take sh -c "snapctl save /run/xfs.image && cp /run/fs/a /run/fs/b && sync"
      check xfs mounted`;
    const prepared = resultOf(await agent.exec(shell(script), { virtualMsMax: 120_000 }));
    const stale = (kind: string): RegExp =>
      new RegExp(
        `^${kind} written snapctl: /run/${kind}.image: is stale: the ${kind} filesystem on /dev/sdb2 has been used since the snapshot`,
        'm',
      );
    for (const kind of ['ext4', 'xfs', 'btrfs', 'f2fs', 'vfat']) {
      t.match(prepared.stdout, new RegExp(`^${kind} untouched good$`, 'm'));
      // Even mounted read-only, xfs writes to its log.
      if (kind !== 'xfs')
        t.match(prepared.stdout, new RegExp(`^${kind} read good$`, 'm'), `${kind}: looking does no harm`);
      t.match(prepared.stdout, stale(kind));
    }
    t.match(prepared.stdout, /^swap untouched good\nswap remade .*belongs to another swap area on \/dev\/sdb2/m);
    t.match(prepared.stdout, /^xfs mounted good$/m);
    if (!t.passing()) t.comment(prepared.stdout + prepared.stderr);
  });
});
