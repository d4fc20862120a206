// SPDX-License-Identifier: MIT
/** snapctl in the guest: images that must not be resumed from, targets that fail, and filesystems that were used since. */
import t from 'tap';
import {
  restoreAt,
  sector,
  SECTOR_BYTES,
  stepEnd,
  USER_MARKERS,
  type Agent,
  type DiskConfig,
  type DiskWrite,
  type Recorder,
} from '../../tools/library.js';
import { resultOf, shell, type CommandResult } from '../../emulator/cycle/commands.js';
import { SNAPSHOT_CMDLINE } from '../../emulator/cycle/sys-snapshot.js';
import { readSectors } from '../../emulator/disks/disk.js';
import { xxh32 } from '../../emulator/verify/image/xxh32.js';
import { bootable } from './guest-support.js';

const { booter, states, inGuest: inBooted } = await bootable({ cmdline: [SNAPSHOT_CMDLINE] });
const { config } = booter;

/** Runs `work` in a machine just booted. */
const inGuest = <T>(
  work: (run: (command: string) => Promise<CommandResult>, recorder: Recorder, agent: Agent) => Promise<T>,
): Promise<T> =>
  inBooted((agent, recorder) =>
    work(async (command) => resultOf(await agent.exec(shell(command), { virtualMsMax: 120_000 })), recorder, agent),
  );

/** Power-on with these disks: what is said of the image until the agent is ready, or the image's kernel runs, and the disks then. */
async function boot(
  disks: readonly DiskConfig[],
): Promise<{ readonly ended: 'booted' | 'restored'; readonly said: string; readonly disks: readonly DiskConfig[] }> {
  const recorder = await restoreAt(await states.at('beforeDisk', booter), { ...booter, config: { ...config, disks } });
  try {
    const { reason } = await recorder.machine.run({
      triggers: [stepEnd('restore'), USER_MARKERS.agentReady].map(
        (kind) => ({ when: { on: 'marker', kind }, then: { do: 'stop' } }) as const,
      ),
      virtualMsMax: 20_000,
    });
    if (reason.why !== 'trigger') throw new Error(`the machine stopped otherwise: ${reason.why}`);
    const { console, writes } = recorder.seen();
    return {
      ended: reason.index === 0 ? 'restored' : 'booted',
      said: new TextDecoder()
        .decode(console)
        .split('\r\n')
        .filter((line) => /snapctl|PM: Image/.test(line))
        .join('\n'),
      disks: disks.map((disk, i) => withWrites(disk, writes[i] ?? [])),
    };
  } finally {
    await recorder.machine.close();
  }
}

const withWrites = ({ base, overlay = [] }: DiskConfig, writes: readonly DiskWrite[]): DiskConfig => ({
  base,
  overlay: [...overlay, ...writes],
});

/** The sector on sdb at which the image begins. */
function imageSector(writes: readonly DiskWrite[]): number {
  for (const { sector: start, bytes } of writes) {
    for (let at = 0; at < bytes.length; at += SECTOR_BYTES)
      if (new TextDecoder('latin1').decode(bytes.subarray(at, at + 8)) === 'SNAPBACK') return start + at / SECTOR_BYTES;
  }
  throw new Error('no image was written');
}

const number = (bytes: Uint8Array, at: number): DataView => new DataView(bytes.buffer, bytes.byteOffset + at, 4);

t.test('what cannot be resumed from is refused, and the machine boots on', async (t) => {
  const off = await inGuest(async (run, recorder, agent) => {
    // Filesystems of other kinds on pieces of the swap partition: they must be found untouched although the live timeline writes to them.
    const prepared = await run(`swapoff /dev/sdb2; at=0
      slice() { echo "0 $2 $3 /dev/sdb2 $at" | dmsetup create $1 && dmsetup mknodes && at=$((at + $2)) && mkfs.$1 /dev/mapper/$1 2>&1 && mkdir /run/$1 && mount -t $1 /dev/mapper/$1 /run/$1; }
      mkdir -p /run/store && slice vfat 20480 linear && slice f2fs 122880 linear && slice btrfs 245760 linear &&
      slice ext4 20480 "crypt aes-xts-plain64 ${'5a'.repeat(31)}${'a5'.repeat(33)} 0"`);
    t.equal(prepared.exitCode, 0, prepared.stderr);
    const live = 'for kind in vfat f2fs btrfs ext4; do echo live > /run/$kind/file || exit 1; done; sync';
    const took = await run(
      `snapctl take -c /dev/sdb1 sh -c '${live}; mount -t ext4 /dev/sdb3 /run/store && snapctl save /run/store/snapshot && snapctl verify /run/store/snapshot && snapctl info /run/store/snapshot && umount /run/store'`,
    );
    t.match(took, { exitCode: 0, stderr: '', stdout: /whole: \d+ bytes of image in \d+ chunks/ });
    // On the disk, what is encrypted is of no known kind.
    t.same(
      [...took.stdout.matchAll(/^in use: (\w+) on (\S+), from byte (\d+),.* state (?!0{16})\w{16}$/gm)]
        .map(([, kind, device, at]) => `${kind} ${device} ${at}`)
        .sort(),
      [
        'btrfs /dev/sdb2 73400320',
        'ext4 /dev/sda 0',
        'f2fs /dev/sdb2 10485760',
        'other /dev/sdb2 199229440',
        'vfat /dev/sdb2 0',
      ],
    );
    t.match(took.stdout, /^kernel: .* build (?!0{40})[0-9a-f]{40}$/m);
    await agent.powerOff({ virtualMsMax: 60_000 });
    return recorder.seen().writes;
  });
  const disksWith = (sdb: readonly DiskWrite[], sda = off[0] ?? []): readonly DiskConfig[] =>
    config.disks.map((disk, i) => withWrites(disk, i === 0 ? sda : sdb));
  const sdb = off[1] ?? [];
  const start = imageSector(sdb);
  const whole = disksWith(sdb);
  const altered = (from: number, change: (bytes: Uint8Array) => void, count = 1): readonly DiskConfig[] => {
    const bytes = Uint8Array.from(readSectors(whole[1] ?? { base: new Uint8Array() }, sector(from), count));
    change(bytes);
    return disksWith([...sdb, { instruction: 0, sector: sector(from), bytes }]);
  };

  // Power fails before the very last write of saving: all is there, but the state does not name the seal.
  const last = sdb.findLastIndex(
    ({ sector: at, bytes }) => at <= start + 7 && at + bytes.length / SECTOR_BYTES > start + 7,
  );
  const torn = await boot(disksWith(sdb.slice(0, last)));
  t.match(torn, { ended: 'booted', said: /snapctl: \S+: is not sealed: saving it was interrupted; remove it/ }, 'torn');

  // The longest writes are of the image's content.
  const long = sdb.filter(({ sector: at, bytes }) => at > start && bytes.length >= 2 ** 18);
  const content = (long[long.length >> 1]?.sector ?? 0) + 100;
  const tampered = await boot(altered(content, (bytes) => (bytes[100] = (bytes[100] ?? 0) ^ 1)));
  t.match(
    tampered,
    {
      ended: 'booted',
      said: /snapctl: \S+: damaged: the chunk at byte \d+ does not have its checksum; remove the image/,
    },
    'tampered',
  );
  t.notMatch(tampered.said, /PM: Image/, 'the kernel was not asked to restore it');

  const foreign = await boot(
    altered(
      start,
      (header) => {
        header.set(new TextEncoder().encode('#2 SMP'), 256);
        const sum = xxh32(0, header.subarray(0, 3580));
        number(header, 3580).setUint32(0, sum, true);
        number(header, 3584 + 508).setUint32(0, xxh32(sum, header.subarray(3584, 3584 + 508)), true);
      },
      8,
    ),
  );
  t.match(
    foreign,
    {
      ended: 'booted',
      said: /snapctl: \S+: is of another kernel: it was made by .*#2 SMP.* boot that kernel to restore it, or remove it/,
    },
    'foreign kernel',
  );

  // The root that was mounted by booting past an image, and the image whole.
  const stale = await boot(disksWith(sdb, torn.disks[0]?.overlay));
  t.match(
    stale,
    {
      ended: 'booted',
      said: /snapctl: \S+: is stale: the ext4 filesystem on \/dev\/sda has been used since the snapshot/,
    },
    'stale',
  );

  const restored = await boot(whole);
  t.equal(restored.ended, 'restored', 'the whole one is resumed');
  const again = await boot(restored.disks);
  t.match(
    again,
    { ended: 'booted', said: /snapctl: \S+: has been restored before: the disks have gone on since; remove it/ },
    'a second time',
  );
  for (const { said } of [torn, tampered, foreign, stale, again]) t.match(said, /was not resumed; booting on/);
});

t.test('an image is saved at any pace, or not at all', async (t) => {
  await inGuest(async (run) => {
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
  await inGuest(async (run) => {
    const prepared = await run(`swapoff /dev/sdb2; mkdir -p /run/fs
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
      check xfs mounted`);
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
