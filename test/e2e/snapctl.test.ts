// SPDX-License-Identifier: MIT
/** snapctl in the guest: images that must not be resumed from. The soak has targets that fail, and filesystems that were used since. */
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
