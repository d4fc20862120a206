// SPDX-License-Identifier: MIT
/** The COW store of a live timeline: its size, what is refused, what is given back, and stores on top of each other. */
import t from 'tap';
import { resultOf, shell, type CommandResult } from '../../emulator/cycle/commands.js';
import { SNAPSHOT_CMDLINE } from '../../emulator/cycle/sys-snapshot.js';
import { bootable } from './guest-support.js';

const { inGuest } = await bootable({ cmdline: [SNAPSHOT_CMDLINE] });

type Run = (command: string) => Promise<CommandResult>;

/** Calls `work` in a machine just booted, in which file systems in files are on a tmpfs. */
const booted = (work: (run: Run) => Promise<void>): Promise<void> =>
  inGuest(async (agent) => {
    const run: Run = async (command) => resultOf(await agent.exec(shell(command), { virtualMsMax: 120_000 }));
    t.match(await run('mkdir -p /run/files /mnt/file && mount -t tmpfs none /run/files'), { exitCode: 0 });
    await work(run);
  });

/** The numbers of `snapctl info`: bytes of the store, and how many are in use. */
const store = ({ stdout }: CommandResult): number[][] =>
  [...stdout.matchAll(/^store: .*?, (\d+) bytes, (\d+) in use/gm)].map((match) => match.slice(1).map(Number));

t.test('a store with larger blocks than a filesystem has is refused by name', async (t) => {
  await booted(async (run) => {
    const make =
      'DM_DISABLE_UDEV=1 dmsetup create large --table "0 65536 crypt aes-xts-plain64 $(printf %064d 7) 0 /dev/sdb1 0 1 sector_size:4096"';
    t.match(await run(`${make} && blockdev --getss /dev/mapper/large`), { exitCode: 0, stdout: '4096\n' });
    t.match(await run('snapctl take -c /dev/mapper/large true'), {
      exitCode: 1,
      stderr:
        /Invalid argument; the store cannot be on a loop device, nor on what is in use, nor have larger blocks than a device that is[^]*store dm-\d+ has blocks of 4096 bytes, and \S+ of 512/,
    });
    t.match(await run('echo on > /root/file && sync && DM_DISABLE_UDEV=1 dmsetup remove large'), { exitCode: 0 });
  });
});

t.test('a store on a device tells of which snapshot it is, and whose writes it takes', async (t) => {
  await booted(async (run) => {
    t.match(await run('snapctl info /dev/sdb1'), { exitCode: 1, stdout: '' });
    const taken = await run(
      'mkdir -p /mnt/data && mount -t ext4 /dev/sdb3 /mnt/data && blkid -s PARTUUID -o value /dev/sdb3 && snapctl take -c /dev/sdb1 snapctl info && snapctl info /dev/sdb1',
    );
    t.match(taken, { exitCode: 0 });
    const { stdout } = taken;
    const session = /^snapshot: (.*)$/m.exec(stdout)?.[1] ?? 'no session';
    t.match(session, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    t.match(stdout, `store of snapshot: ${session}\nformat: version 2\nstate: live`);
    t.match(stdout, `takes the writes of: sdb3, ${320 << 20} bytes, PARTUUID=${stdout.split('\n')[0]}\n`);
    const [, size, start] = /^size: (\d+) bytes from byte (\d+) on, for \d+ devices$/m.exec(stdout) ?? [];
    t.equal(Number(size), store(taken)[0]?.[0]);
    t.ok(
      Number(start) + Number(size) <= 64 << 20 && Number(start) + Number(size) > (64 << 20) - 4096,
      `${start}+${size}`,
    );

    const damage = (bytes: number): string =>
      `printf X | dd of=/dev/sdb1 bs=1 seek=${bytes} conv=notrunc 2> /dev/null && sync && snapctl info /dev/sdb1`;
    t.match(await run(damage((132 << 10) + 300)), { exitCode: 0, stdout: /^devices: the list is damaged/m });
    t.match(await run(damage((128 << 10) + 3000)), { exitCode: 1, stdout: '' });
  });
});

t.test('the key of a store is not in the image', async (t) => {
  await booted(async (run) => {
    // Which there are in the image: what was in memory at the call, and either half of the key that the store has afterwards.
    const search = (device: string): string => `snapctl take -c ${device} sh -c '
      set -- $(cat /run/marker) $(cat /sys/module/rig/parameters/store_key)
      first=$(expr substr $3 1 32) second=$(expr substr $3 33 32)
      echo "key of $(expr length $3) digits"
      find-bytes $1 $first $second <&$SNAPSHOT_FD | sed "s/^$1/marker/; s/^$first/first half/; s/^$second/second half/"'`;
    await run(`head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' > /run/marker`);
    const searched = await run(search('/dev/sdb1'));
    t.match(searched, { exitCode: 0, stdout: /^key of 64 digits\n(marker as digits at \d+\n)+$/ });

    // The first store is in use until power-off.
    const kept = await run(`echo keep-key > /sys/module/rig/parameters/break && ${search('/dev/sdb3')}`);
    t.match(kept, { exitCode: 0, stdout: /^marker as digits at \d+$/m });
    t.match(kept.stdout, /^first half as bytes at \d+$/m);
    t.match(kept.stdout, /^second half as bytes at \d+$/m);
  });
});

t.test('a store in memory has a size, and gets back what is discarded', async (t) => {
  await booted(async (run) => {
    const ready = await run(
      'truncate -s 24M /run/files/file && mke2fs -q -t ext4 /run/files/file && mount -o loop /run/files/file /mnt/file && echo 16777216 > /sys/kernel/snapshot/memory_store_limit',
    );
    t.match(ready, { exitCode: 0 });
    const used = await run(`snapctl take sh -c '
      head -c 8M /dev/urandom > /mnt/file/one && sync && snapctl info && rm /mnt/file/one && sync && fstrim /mnt/file && snapctl info'`);
    t.match(used, { exitCode: 0, stdout: /^store: memory/m });
    const [full, trimmed] = store(used);
    t.equal(full?.[0], 16 << 20);
    t.ok((full?.[1] ?? 0) > 8 << 20, `${full?.[1]} bytes used by a file`);
    t.ok((trimmed?.[1] ?? Infinity) < 1 << 20, `${trimmed?.[1]} bytes used when it has gone`);

    // The next one is on top: it has a store of its own, and what is in the first is read through it.
    const sums = 'md5sum /mnt/file/two /mnt/file/three';
    const second = await run(`head -c 4M /dev/urandom > /mnt/file/two && sync
      snapctl take -c /dev/sdb1 sh -c 'head -c 4M /dev/urandom > /mnt/file/three && ${sums} > /run/sums && sync && echo 3 > /proc/sys/vm/drop_caches && md5sum -c --quiet /run/sums && snapctl info'`);
    t.match(second, { exitCode: 0, stdout: /^store: block device/m });
    t.ok((store(second)[0]?.[1] ?? 0) > 4 << 20);
  });
});

t.test('a snapshot in the live timeline of another, many times', async (t) => {
  await booted(async (run) => {
    const deep = await run(`for i in $(seq 12); do echo $i >> /root/deep && sync && snapctl take true || exit 1; done
      echo 3 > /proc/sys/vm/drop_caches; cat /root/deep`);
    t.match(deep, { exitCode: 0, stdout: Array.from({ length: 12 }, (_, i) => `${i + 1}\n`).join('') });
  });
});
