// SPDX-License-Identifier: MIT
/** What snapctl writes and reads on the host: whole images, images that are damaged or belong elsewhere, and targets that fail. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { sourceOf } from '../../../emulator/verify/source.js';
import { readContainer } from '../../../emulator/verify/image/container.js';
import { xxh32 } from '../../../emulator/verify/image/xxh32.js';
import { concat } from '../../../emulator/machine/bytes.js';
import { imageStream } from '../verify/synthetic-image.js';
import { pathOf, run, runWith } from './fixtures/programs.js';
import {
  attachDisk,
  detachDisk,
  edit,
  makeArray,
  makeSystem,
  PARTITION_SECTOR,
  putFile,
  removeArray,
  writePartition,
} from './fixtures/snapctl-system.js';

/** The layout of snapctl/container.h. */
const STATE_OFFSET = 3584;
const FIRST_CHUNK = 4096;
const CHUNK_HEAD_BYTES = 24;
const HEADER = {
  version: 8,
  flags: 20,
  compression: 24,
  cipher: 28,
  kernelRelease: 184,
  kernelVersion: 256,
  checksum: 3580,
} as const;
const STATE = { progress: 8, checksum: 508 } as const;

/** What `take` tells the commands that it runs. */
const SNAPSHOT = '00112233445566778899aabbccddeeff';
const ENV = { SNAPSHOT_DEVICES: '8:1', SNAPSHOT_UUID: SNAPSHOT, SNAPSHOT_STORE: 'memory' } as const;

/** Pages of all kinds: of which zstd makes little, and of which it makes nothing smaller. Two chunks of 1 MiB and a bit. */
const frames = Array.from({ length: 520 }, (_, i) => ({ frame: 10 + i, fill: 1 + (i % 200) }));
const image = concat(imageStream(frames));
let noise = 1;
for (let at = 1 << 20; at < 2 << 20; at++) image[at] = (noise = (Math.imul(noise, 1103515245) + 12345) >>> 0) >>> 16;

/** Whether the filesystem of a folder takes O_DIRECT. */
function takesDirect(folder: string): boolean {
  const path = join(folder, 'probe');
  try {
    closeSync(openSync(path, constants.O_CREAT | constants.O_WRONLY | constants.O_DIRECT));
    return true;
  } catch {
    return false;
  }
}

const ext4 = (mounts: number): Uint8Array => {
  const bytes = new Uint8Array(1 << 20);
  const view = new DataView(bytes.buffer, 1024);
  view.setUint16(0x38, 0xef53, true);
  view.setUint16(0x34, mounts, true);
  bytes.fill(7, 1024 + 0x68, 1024 + 0x78);
  return bytes;
};

interface Saved {
  readonly root: string;
  readonly file: string;
  readonly bytes: Buffer;
}

function save(dir: string, ...options: readonly string[]): Saved {
  const [root, file] = [join(dir, 'root'), join(dir, 'image')];
  makeSystem(root, ext4(3));
  const saved = runWith('snapctl', ['save', '--root', root, '--stdin', ...options, file], {
    input: image,
    env: ENV,
  });
  if (saved.status !== 0) throw new Error(saved.stderr);
  return { root, file, bytes: readFileSync(file) };
}

const check = ({ root, file }: Saved) => run('snapctl', 'resume', '--root', root, '--check', file);

/** Writes the fields of a header, and the checksums that go with them. */
function withHeader(bytes: Buffer, change: (header: Buffer) => void): Buffer {
  const changed = Buffer.from(bytes);
  change(changed);
  changed.writeUInt32LE(xxh32(0, changed.subarray(0, HEADER.checksum)), HEADER.checksum);
  const state = changed.subarray(STATE_OFFSET, STATE_OFFSET + 512);
  state.writeUInt32LE(xxh32(changed.readUInt32LE(HEADER.checksum), state.subarray(0, STATE.checksum)), STATE.checksum);
  return changed;
}

test('what is saved is read again, packed or not', async (t) => {
  for (const options of [[], ['--no-compression'], ['--level', '19']]) {
    const saved = save(t.testdir({}), ...options);
    const said = run('snapctl', 'verify', saved.file);
    t.match(
      said,
      { status: 0, stderr: '', stdout: new RegExp(`whole: ${image.length} bytes of image in 3 chunks`) },
      options.join(' '),
    );
    t.match(run('snapctl', 'info', saved.file).stdout, /^state: sealed$/m);
    const read = await readContainer(sourceOf(saved.bytes));
    t.equal(read.frames.length, frames.length, 'the rig reads it, too');
    let at = image.length - frames.length * 4096;
    for (const { bytes } of read.contents()) {
      if (!image.subarray(at, at + 4096).every((byte, i) => byte === bytes[i])) t.fail(`page at byte ${at}`);
      at += 4096;
    }
    t.equal(saved.bytes.length > image.length, options[0] === '--no-compression', 'packed is smaller');
    t.match(check(saved), { status: 0, stderr: '' }, 'and could be resumed');
  }
  const packed = save(t.testdir({})).bytes;
  t.ok(packed.length > 1 << 20 && packed.length < 1.1 * 2 ** 20, 'what zstd cannot pack is stored');
});

test('a file is written past the page cache where the filesystem lets it, standard output never', async (t) => {
  const { root } = save(t.testdir({}));
  const file = join(t.testdirName, 'direct');
  const flags = async (to: string, stdout: 'ignore' | number): Promise<number> => {
    const child = spawn(pathOf('snapctl'), ['save', '--root', root, '--stdin', '--no-compression', to], {
      env: { ...process.env, ...ENV },
      stdio: ['pipe', stdout, 'inherit'],
    });
    child.stdin?.write(image);
    while (!existsSync(file) || statSync(file).size < 1 << 20) await new Promise((resolve) => setTimeout(resolve, 10));
    const fds = `/proc/${String(child.pid)}/fd`;
    const fd = readdirSync(fds).find((name) => readlinkSync(join(fds, name)) === file) ?? 'none';
    const found = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${String(child.pid)}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
    child.stdin?.end();
    t.same(await once(child, 'close'), [0, null]);
    t.match(run('snapctl', 'verify', file), { status: 0, stdout: new RegExp(`whole: ${image.length} bytes`) });
    return parseInt(found, 8);
  };
  t.equal((await flags(file, 'ignore')) & constants.O_DIRECT, takesDirect(t.testdirName) ? constants.O_DIRECT : 0);
  rmSync(file);
  const shared = openSync(file, 'w');
  t.equal(
    (await flags('-', shared)) & constants.O_DIRECT,
    0,
    'who shares the descriptor goes on writing through the cache',
  );
  closeSync(shared);
});

test('through a pipe the seal comes at the end', async (t) => {
  const { root } = save(t.testdir({}));
  const file = join(t.testdirName, 'streamed');
  const piped = await new Promise<Buffer>((resolve) => {
    const child = spawn(pathOf('snapctl'), ['save', '--root', root, '--stdin', '-'], {
      env: { ...process.env, ...ENV },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.on('close', () => resolve(Buffer.concat(parts)));
    // In pieces that fit nothing.
    for (let at = 0; at < image.length; at += 77_777) child.stdin.write(image.subarray(at, at + 77_777));
    child.stdin.end();
  });
  t.match(runWith('snapctl', ['verify', '-'], { input: piped }), { status: 0, stdout: /^-: whole/ });
  t.match(runWith('snapctl', ['verify', '-'], { input: piped.subarray(0, -100) }), {
    status: 1,
    stderr: /before its seal: saving it was interrupted, or the file was cut short/,
  });
  writeFileSync(file, piped);
  t.match(check({ root, file, bytes: piped }), { status: 0, stderr: '' });
  t.match(run('snapctl', 'info', file).stdout, /^state: streamed, sealed at the end$/m);
});

test('damaged images are refused with the place and the remedy', async (t) => {
  const saved = save(t.testdir({}));
  const whole = saved.bytes;
  const second = FIRST_CHUNK + CHUNK_HEAD_BYTES + whole.readUInt32LE(FIRST_CHUNK + 12);
  const third = second + CHUNK_HEAD_BYTES + whole.readUInt32LE(second + 12);
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8((bytes[at] ?? 0) ^ 4, at);
    return bytes;
  };
  const cases: readonly [string, Buffer, RegExp][] = [
    [
      'one bit of a packed chunk',
      flipped(FIRST_CHUNK + 500),
      /damaged: the chunk at byte 4096 does not have its checksum; remove the image, or fetch it again/,
    ],
    [
      'one bit of a stored chunk',
      flipped(second + 9000),
      new RegExp(`the chunk at byte ${second} does not have its checksum`),
    ],
    ['the head of a chunk', flipped(second), new RegExp(`no chunk begins at byte ${second}, where one should`)],
    ['the header', flipped(HEADER.kernelRelease), /damaged: the header, bytes 0 to 3583, does not have its checksum/],
    [
      'the state',
      flipped(STATE_OFFSET + STATE.progress),
      /damaged: the sector at byte 3584 does not have its checksum/,
    ],
    [
      'the seal',
      flipped(whole.length - 1),
      new RegExp(`the chunk at byte ${whole.length - 48} does not have its checksum`),
    ],
    [
      'torn within a chunk',
      whole.subarray(0, second + 5000),
      new RegExp(`ends in the chunk at byte ${second}, before its seal: saving it was interrupted`),
    ],
    [
      'torn between chunks',
      whole.subarray(0, third),
      new RegExp(`ends in the chunk at byte ${third}, before its seal`),
    ],
    ['torn within the header', whole.subarray(0, 2000), /ends within its header: saving it was interrupted/],
    [
      'two chunks swapped',
      Buffer.concat([
        whole.subarray(0, FIRST_CHUNK),
        whole.subarray(second, third),
        whole.subarray(FIRST_CHUNK, second),
        whole.subarray(third),
      ]),
      /chunk 1 stands at byte 4096, where number 0 belongs/,
    ],
    [
      'a chunk left out',
      Buffer.concat([whole.subarray(0, third), whole.subarray(-48)]),
      new RegExp(`the seal at byte ${third} is not of these chunks`),
    ],
    ['something else', Buffer.from('something else'), /is not an image of snapctl/],
    ['nothing', Buffer.alloc(0), /is not an image of snapctl/],
    [
      'of the future',
      withHeader(whole, (header) => header.writeUInt32LE(4, HEADER.version)),
      /has format version 4, this program reads 3; use the snapctl that wrote it/,
    ],
    [
      'encrypted',
      withHeader(whole, (header) => header.writeUInt32LE(1, HEADER.cipher)),
      /is encrypted \(cipher 1\), which this snapctl cannot read/,
    ],
    [
      'packed in an unknown way',
      withHeader(whole, (header) => header.writeUInt32LE(7, HEADER.compression)),
      /is compressed by method 7, which this snapctl cannot read/,
    ],
    [
      'packed although its header says that nothing is',
      withHeader(whole, (header) => header.writeUInt32LE(0, HEADER.compression)),
      /damaged: the chunk at byte 4096 cannot be unpacked/,
    ],
    [
      'not sealed',
      withHeader(whole, (header) => header.writeUInt32LE(0, STATE_OFFSET + STATE.progress)),
      /is not sealed: saving it was interrupted; remove it/,
    ],
  ];
  for (const [what, bytes, message] of cases) {
    writeFileSync(saved.file, bytes);
    t.match(run('snapctl', 'verify', saved.file), { status: 1, stdout: '', stderr: message }, what);
    t.match(check(saved), { status: 3, stderr: message }, `${what}: boots on`);
    t.match(check(saved), { stderr: /was not resumed; booting on\n$/ });
  }
});

test('images that belong elsewhere are refused', async (t) => {
  const saved = save(t.testdir({}));
  const refused = (what: string, message: RegExp): void => {
    t.match(check(saved), { status: 3, stderr: message }, what);
  };
  const image = (change: (header: Buffer) => void): void => writeFileSync(saved.file, withHeader(saved.bytes, change));

  image((header) => header.write('1.0-other\0', HEADER.kernelRelease));
  refused(
    'another kernel',
    /is of another kernel: it was made by 1\.0-other .* boot that kernel to restore it, or remove it/,
  );
  image((header) => header.writeUInt32LE(2, STATE_OFFSET + STATE.progress));
  refused('used', /has been restored before: the disks have gone on since; remove it/);
  image(() => undefined);
  t.match(check(saved), { status: 0 }, 'and the unchanged one is not');

  const changes: readonly [string, string, (text: string) => string, RegExp][] = [
    ['another build', 'sys/kernel/notes', () => '', /is of another build of kernel/],
    [
      'another machine',
      'sys/class/dmi/id/product_uuid',
      (text) => text.replace('1\n', '2\n'),
      /is of another machine: its firmware's UUID was aaaaaaaa-0000-0000-0000-000000000001, here it is aaaaaaaa-0000-0000-0000-000000000002/,
    ],
    [
      'another processor',
      'proc/cpuinfo',
      (text) => text.replace('sse2', 'sse2 avx'),
      /is of a machine with other processors: 3 of GenuineTest family 6 model 3 stepping 1/,
    ],
    ['a processor more', 'sys/devices/system/cpu/present', () => '0-3\n', /3 of .* here 4 of/],
    [
      'more memory',
      'proc/zoneinfo',
      (text) => text.replace('61000', '62000'),
      /is of a machine with 260000 KiB of memory, this one has 264000 KiB/,
    ],
  ];
  for (const [what, path, change, message] of changes) {
    const before = readFileSync(join(saved.root, path));
    edit(saved.root, path, change);
    refused(what, message);
    writeFileSync(join(saved.root, path), before);
  }

  const online = readFileSync(join(saved.root, 'proc/cpuinfo'));
  edit(saved.root, 'proc/cpuinfo', (text) => text + text);
  t.match(check(saved), { status: 0 }, 'how many processors are on does not matter');
  writeFileSync(join(saved.root, 'proc/cpuinfo'), online);

  writePartition(saved.root, ext4(4));
  refused(
    'mounted since',
    /is stale: the ext4 filesystem on \/dev\/sda1 has been used since the snapshot .* remove the image/,
  );
  writePartition(
    saved.root,
    ext4(3).map((byte, at) => (at >= 1024 + 0x68 && at < 1024 + 0x78 ? 9 : byte)),
  );
  refused('another filesystem', /belongs to another ext4 filesystem on \/dev\/sda1 than what is there now \(ext4\)/);
  writePartition(saved.root, new Uint8Array(1 << 20));
  refused('no filesystem', /belongs to another ext4 filesystem on \/dev\/sda1 than what is there now \(other\)/);
});

test('a kernel that names the disks otherwise finds those of the image', async (t) => {
  const { root, ...saved } = save(t.testdir({}));
  const sectors = (1 << 20) / 512;
  const content = detachDisk(root, 'sda');
  attachDisk(root, 'sdb', { host: 1, port: 1 }, sectors);
  writeFileSync(join(root, 'dev/sdb'), content);
  t.match(check({ root, ...saved }), { status: 0 }, 'it is sdb now');

  attachDisk(root, 'sda', { host: 0, port: 2 }, sectors);
  writeFileSync(join(root, 'dev/sda'), new Uint8Array(content.length));
  t.match(check({ root, ...saved }), { status: 0 }, 'and another disk has its name');

  writeFileSync(join(root, 'dev/sda'), detachDisk(root, 'sdb'));
  t.match(
    check({ root, ...saved }),
    { status: 4, stderr: /needs the ext4 filesystem on what was \/dev\/sda1, and nothing is connected there/ },
    'a restored kernel would not look for it where it is now',
  );
});

test('what the system sets up itself, such as an array, need not be there before an image is resumed', async (t) => {
  const { root } = save(t.testdir({}));
  const file = join(t.testdirName, 'with-array');
  makeArray(root, 'md0', '9:0', ext4(1));
  const saved = runWith('snapctl', ['save', '--root', root, '--stdin', file], {
    input: image,
    env: { ...ENV, SNAPSHOT_DEVICES: '8:1 9:0' },
  });
  t.match(saved, { status: 0 });
  const ofArray = { root, file, bytes: readFileSync(file) };
  t.match(check(ofArray), { status: 0, stderr: '' });
  makeArray(root, 'md0', '9:0', ext4(2));
  t.match(check(ofArray), { status: 3, stderr: /is stale: the ext4 filesystem on \/dev\/md0 / }, 'one that is there');
  removeArray(root, 'md0');
  t.match(check(ofArray), { status: 0, stderr: /note: the ext4 filesystem on \/dev\/md0 cannot be looked at here/ });
});

/** CRC-32C of a whole buffer. */
function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
  }
  return ~sum >>> 0;
}

/** A partition with the header of a store (userspace/snapshot_store.h). */
function storePartition(uuid: string, state: number): Uint8Array {
  const bytes = Buffer.alloc(256 << 10);
  const header = bytes.subarray(128 << 10, 132 << 10);
  header.write('snapshot store\r\n', 'latin1');
  header.write(uuid, 16, 'hex');
  header.writeUInt32LE(2, 40);
  header.writeUInt32LE(state, 44);
  header.writeUInt32LE(crc32c(header.subarray(36)), 32);
  return bytes;
}

const STORE_STATE = { live: 1, committing: 2, committed: 3, noRecovery: 4 } as const;

/** A system with the store of the live timeline on sdb1, and an image that was saved there. */
function saveBesideStore(dir: string): Saved & { readonly putStore: (partition: Uint8Array) => void } {
  const [root, file] = [join(dir, 'root'), join(dir, 'image')];
  makeSystem(root, ext4(3));
  attachDisk(root, 'sdb', { host: 1, port: 2 }, 512);
  const putStore = (partition: Uint8Array): void => {
    writeFileSync(join(root, 'dev/sdb'), Buffer.concat([new Uint8Array(PARTITION_SECTOR * 512), partition]));
  };
  putStore(storePartition(SNAPSHOT, STORE_STATE.live));
  const saved = runWith('snapctl', ['save', '--root', root, '--stdin', file], {
    input: image,
    env: { ...ENV, SNAPSHOT_STORE: '8:17' },
  });
  if (saved.status !== 0) throw new Error(saved.stderr);
  return { root, file, bytes: readFileSync(file), putStore };
}

test('a commit that cannot be completed is told from one that nothing is left of', (t) => {
  const dir = t.testdir({});
  const [root, store] = [join(dir, 'root'), join(dir, 'store')];
  makeSystem(root, ext4(3));
  const recover = (bytes: Uint8Array) => {
    writeFileSync(store, bytes);
    return run('snapctl', 'recover', '--root', root, store);
  };
  const damaged = (state: number): Uint8Array => {
    const bytes = storePartition(SNAPSHOT, state);
    bytes[(128 << 10) + 100] = 1;
    return bytes;
  };
  t.match(recover(storePartition(SNAPSHOT, STORE_STATE.live)), { status: 0, stdout: '', stderr: '' });
  t.match(recover(damaged(STORE_STATE.live)), { status: 0, stdout: '', stderr: '' }, 'torn when the snapshot began');
  t.match(recover(damaged(STORE_STATE.committing)), {
    status: 1,
    stderr: /its header is damaged: the commit cannot be completed, .* check them, then overwrite the store/,
  });
  t.match(run('snapctl', 'recover', '--root', root, dir), { status: 1, stderr: /Is a directory/ });
  t.end();
});

/** The store of a commit that was interrupted, with one device of 512 bytes of this id. Of it, `missing` chunks are to be copied. */
function interruptedCommit(id: string, missing: number): Uint8Array {
  const bytes = Buffer.from(storePartition(SNAPSHOT, STORE_STATE.committing));
  const [header, map, metadata] = [128, 132, 136].map((kiB) => bytes.subarray(kiB << 10, (kiB + 4) << 10));
  if (!header || !map || !metadata) throw new Error('the partition is too small');
  header.writeUInt32LE(4096, 48);
  header.writeUInt32LE(1, 52);
  header.writeUInt32LE(136 << 10, 64);
  header.writeUInt32LE(missing, 80);
  header.copy(map, 0, 0, 32);
  map.writeUInt32LE(1, 36);
  map.writeUInt32LE(512, 40);
  map.write('late', 48);
  map.write(id, 80);
  for (const block of [header, map]) block.writeUInt32LE(crc32c(block.subarray(36)), 32);
  for (let number = 0; number < missing; number++) {
    const entry = metadata.subarray(16 * (1 + number), 16 * (2 + number));
    entry.writeUInt8(1, 12);
    const numberBytes = Buffer.alloc(8);
    numberBytes.writeUInt32LE(number);
    const sum = crc32c(Buffer.concat([Buffer.from(SNAPSHOT, 'hex'), numberBytes, entry.subarray(0, 13)]));
    entry.writeUIntLE(sum & 0xff_ffff, 13, 3);
  }
  return bytes;
}

test('a commit is completed on the devices that it belongs to, whatever they are called', async (t) => {
  const dir = t.testdir({});
  const [root, store] = [join(dir, 'root'), join(dir, 'store')];
  makeSystem(root, ext4(3));
  const words = ['recover', '--root', root, store] as const;
  const recover = (bytes: Uint8Array) => {
    writeFileSync(store, bytes);
    return run('snapctl', ...words);
  };
  const mapped = (name: string, number: string): void => {
    makeArray(root, name, number, new Uint8Array(512));
    putFile(root, `sys/devices/virtual/block/${name}/dm/uuid`, 'LVM-1\n');
    putFile(root, `sys/devices/virtual/block/${name}/dm/name`, `${name}\n`);
  };
  /** How far it gets without dm-crypt, when it has found all devices. */
  const FOUND = { status: 1, stderr: /cannot be decrypted/ };

  t.match(recover(interruptedCommit('DM-UUID=LVM-1', 0)), FOUND, 'nothing is missing on the device');
  t.match(recover(interruptedCommit('', 1)), {
    status: 1,
    stderr: /belongs to late of 512 bytes, and does not say how/,
  });
  t.match(recover(interruptedCommit('DM-UUID=LVM-1', 1)), {
    status: 1,
    stderr:
      /belongs to late of 512 bytes \(DM-UUID=LVM-1\), which is not there; attach it or set it up, .* --without 'DM-UUID=LVM-1'/,
  });
  const without = (id: string) => run('snapctl', ...words.slice(0, -1), '--without', id, store);
  t.match(without('DM-UUID=LVM-1'), FOUND, 'a device that does not exist any more is not waited for');
  t.match(without(''), { status: 2, stderr: /--without: give the id/ });
  t.match(without('DM-UUID=LVM'), {
    status: 1,
    stderr: /--without 'DM-UUID=LVM': no device of this store is called so/,
  });
  const child = spawn(pathOf('snapctl'), words);
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  setTimeout(() => {
    mapped('dm-7', '253:7');
  }, 200);
  t.same(await once(child, 'close'), [1, null]);
  t.match(said, FOUND.stderr, 'it waits for a device that comes late');
  t.match(recover(interruptedCommit('DM-NAME=dm-7', 1)), FOUND);
  t.match(without('DM-NAME=dm-7'), { status: 1, stderr: /--without 'DM-NAME=dm-7': \/dev\/dm-7 is there; leave/ });
  mapped('dm-8', '253:8');
  t.match(recover(interruptedCommit('DM-UUID=LVM-1', 1)), {
    status: 1,
    stderr: /which can be (dm-7 or dm-8|dm-8 or dm-7);/,
  });
  t.match(recover(interruptedCommit('DM-NAME=dm-7', 1)), FOUND, 'the name tells them apart');

  // The disks of two ports are found in the other order.
  const connection = (port: number): string =>
    `PATH=/devices/pci0000:00/0000:00:01.1/ata port ${port}/host/0:0:0/block-part1`;
  attachDisk(root, 'sdb', { host: 1, port: 2 }, 1);
  t.match(recover(interruptedCommit(connection(2), 1)), FOUND);
  detachDisk(root, 'sdb');
  attachDisk(root, 'sdb', { host: 1, port: 3 }, 1);
  attachDisk(root, 'sdc', { host: 2, port: 2 }, 1);
  t.match(recover(interruptedCommit(connection(2), 1)), FOUND);
  detachDisk(root, 'sdc');
  t.match(
    recover(interruptedCommit(connection(2), 1)),
    { status: 1, stderr: /which is not there/ },
    'not that of port 3',
  );
});

test('an image is refused as soon as the store tells that its snapshot is being committed', async (t) => {
  const { putStore, ...saved } = saveBesideStore(t.testdir({}));
  const other = 'ffeeddccbbaa99887766554433221100';
  const refused = (what: string, partition: Uint8Array, message: RegExp, status = 3): void => {
    putStore(partition);
    t.match(check(saved), { status, stderr: message }, what);
    t.match(
      run('snapctl', 'resume', '--root', saved.root, '--check', '--ignore-store', saved.file),
      { status: 0, stderr: '' },
      `${what}, but nobody asks the store`,
    );
  };
  t.match(check(saved), { status: 0, stderr: '' }, 'the live timeline was switched off');
  t.match(
    run('snapctl', 'info', saved.file).stdout,
    /^snapshot: 00112233-4455-6677-8899-aabbccddeeff\nstore: \/dev\/sdb1$/m,
  );
  refused(
    'committing',
    storePartition(SNAPSHOT, STORE_STATE.committing),
    /is stale: its snapshot was being committed when the system went down, .* snapctl recover \/dev\/sdb1, and remove the image/,
    4,
  );
  refused(
    'committed',
    storePartition(SNAPSHOT, STORE_STATE.committed),
    /is stale: its snapshot has been committed \(the store on \/dev\/sdb1 tells\).* remove the image/,
  );
  refused(
    'without recovery',
    storePartition(SNAPSHOT, STORE_STATE.noRecovery),
    /is stale: its snapshot was being committed without recovery when the system went down/,
  );
  refused(
    'a later snapshot is being committed',
    storePartition(other, STORE_STATE.committing),
    /must not be restored: a later snapshot was being committed .* complete it with snapctl recover \/dev\/sdb1/,
    4,
  );
  refused(
    'something else is there',
    new Uint8Array(256 << 10),
    /cannot be judged: the store of its snapshot on \/dev\/sdb1 has changed .* --ignore-store/,
  );
  refused('a header of the future', storePartition(SNAPSHOT, 9), /cannot be judged: .* has state 9/);
  for (const state of [STORE_STATE.live, STORE_STATE.committed]) {
    putStore(storePartition(other, state));
    t.match(check(saved), { status: 0, stderr: '' }, 'a later snapshot has the store: filesystems decide');
  }
  detachDisk(saved.root, 'sdb');
  t.match(check(saved), {
    status: 4,
    stderr:
      /needs the store of its snapshot on what was \/dev\/sdb1, .* nothing is connected there; attach it, or give --ignore-store/,
  });
});

test('an image that is kept can be restored again as long as all is as it was', async (t) => {
  const saved = save(t.testdir({}), '--keep');
  t.match(run('snapctl', 'info', saved.file).stdout, /^kept: may be restored again/m);
  t.match(check(saved), { status: 0, stderr: '' });
  writePartition(saved.root, ext4(4));
  t.match(check(saved), { status: 3, stderr: /is stale: the ext4 filesystem on \/dev\/sda1 has been used/ });

  const keep = (devices: string, kept: string): ReturnType<typeof run> =>
    runWith('snapctl', ['save', '--root', saved.root, '--stdin', '--keep', join(t.testdirName, kept)], {
      input: image,
      env: { ...ENV, SNAPSHOT_DEVICES: devices },
    });
  makeArray(saved.root, 'md0', '9:0', ext4(1));
  t.match(keep('8:1 9:0', 'array'), {
    status: 1,
    stderr: /md0: is no partition and no linear mapping, .* which --keep needs/,
  });
  writePartition(saved.root, new Uint8Array(1 << 20));
  t.match(keep('8:1', 'other'), {
    status: 1,
    stderr: /sda: holds nothing that --keep knows|sda1: holds nothing that --keep knows/,
  });

  const area = Buffer.alloc(4 << 20);
  area.write('SWAPSPACE2', 4086, 'latin1');
  attachDisk(saved.root, 'sdc', { host: 2, port: 3 }, area.length / 512);
  const putArea = (): void => {
    writeFileSync(join(saved.root, 'dev/sdc'), Buffer.concat([new Uint8Array(PARTITION_SECTOR * 512), area]));
  };
  putArea();
  t.match(keep('8:33', 'swap'), { status: 0, stderr: '' });
  const ofSwap = { ...saved, file: join(t.testdirName, 'swap') };
  t.match(check(ofSwap), { status: 0, stderr: '' });
  area.writeUInt8(1, area.length - 1);
  putArea();
  t.match(
    check(ofSwap),
    { status: 3, stderr: /is stale: the swap area on \/dev\/sdc1 has been used/ },
    'its last page',
  );
});

test('targets that fail leave nothing that seems to be an image', async (t) => {
  const { root } = save(t.testdir({}));
  const env = ENV;
  t.match(runWith('snapctl', ['save', '--root', root, '--stdin', '/dev/full'], { input: image, env }), {
    status: 1,
    stderr:
      /\/dev\/full: cannot be written after byte 0 of the image: No space left on device; make room there or save elsewhere/,
  });
  t.match(runWith('snapctl', ['save', '--root', root, '--stdin', '/no/such/folder/image'], { input: image, env }), {
    status: 1,
    stderr: /cannot be opened for writing: No such file or directory/,
  });
  t.match(
    runWith('snapctl', ['save', '--root', root, '--stdin', join(t.testdirName, 'image')], {
      input: new Uint8Array(0),
      env,
    }),
    { status: 1, stderr: /the image: holds no image\nsnapctl: .*: the incomplete image was removed/ },
  );
  t.notOk(existsSync(join(t.testdirName, 'image')));
  const short = runWith('snapctl', ['save', '--root', root, '--stdin', join(t.testdirName, 'image')], {
    input: image,
    env: { ...env, SNAPSHOT_BYTES: String(image.length + 4096) },
  });
  t.match(short, {
    status: 1,
    stderr: new RegExp(`ended at byte ${image.length} of the image, which has ${image.length + 4096}`),
  });
  const device = statSync(t.testdirName).dev;
  const own = `${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`;
  t.match(
    runWith('snapctl', ['save', '--root', root, '--stdin', join(t.testdirName, 'own')], {
      input: image,
      env: { ...ENV, SNAPSHOT_DEVICES: own },
    }),
    {
      status: 1,
      stderr: /is on a filesystem that was mounted at the snapshot: .* mount another one now and save there/,
    },
  );
  t.notOk(existsSync(join(t.testdirName, 'own')));
});

test('a signal ends saving in good order', async (t) => {
  const { root } = save(t.testdir({}));
  const file = join(t.testdirName, 'interrupted');
  const child = spawn(pathOf('snapctl'), ['save', '--root', root, '--stdin', file], {
    env: { ...process.env, ...ENV },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said += part.toString()));
  child.stdin.write(image);
  // It has taken all but what is left over from whole chunks.
  while (!existsSync(file) || statSync(file).size < 1 << 20) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGINT');
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  t.same([status, signal], [null, 'SIGINT']);
  t.match(said, /saving was ended by a signal\n.*interrupted: the incomplete image was removed/);
  t.notOk(existsSync(file));
});

test('policies of a snapshot are set for the call alone', async (t) => {
  const root = t.testdir({ sys: { kernel: { snapshot: { raw_devices: '[substitute] fail\n' } } } });
  const policy = join(root, 'sys/kernel/snapshot/raw_devices');
  const take = (...options: readonly string[]) => run('snapctl', 'take', '--root', root, ...options, 'true');
  // This kernel has no such call. In the file, each word lies over the beginning of the one before.
  t.match(take('--raw-devices', 'fail'), { status: 1, stderr: /snapshot: / });
  t.equal(readFileSync(policy, 'utf8'), 'substitutee] fail\n', 'set, and put back');
  writeFileSync(policy, 'substitute [fail]\n');
  t.match(take('--raw-devices', 'fail'), { status: 1, stderr: /snapshot: / });
  t.equal(readFileSync(policy, 'utf8'), 'substitute [fail]\n', 'left as it is');
  t.match(take('--remote-filesystems', 'readonly'), { status: 1, stderr: /this kernel has no such policy/ });
  t.match(take('--raw-devices', 'ignore'), {
    status: 2,
    stderr: /--raw-devices: ignore is no choice; give substitute or fail/,
  });
  t.match(take('--on-failure', 'commit'), {
    status: 2,
    stderr: /--on-failure: commit is no choice; give rollback or nothing/,
  });
});

test('wrong use', async (t) => {
  const none = { SNAPSHOT_FD: '', SNAPSHOT_DEVICES: '' };
  t.match(run('snapctl'), { status: 2, stderr: /^usage:/ });
  t.match(run('snapctl', '--help'), { status: 0, stdout: /^usage:/ });
  t.match(run('snapctl', 'take'), { status: 2, stderr: /^usage:/ });
  t.match(run('snapctl', 'verify', '--level', '3', 'x'), { status: 2, stderr: /^usage:/ });
  t.match(run('snapctl', 'save', '--level', 'high', 'x'), {
    status: 2,
    stderr: /--level: high is no level; give one from 1 \(quick\) to 19/,
  });
  t.match(run('snapctl', 'save', 'x'), {
    status: 1,
    stderr: /SNAPSHOT_DEVICES is not set; let snapctl take run this command/,
  });
  t.match(runWith('snapctl', ['save', 'x'], { env: none }), {
    status: 1,
    stderr: /descriptor 0 is not that of a snapshot/,
  });
  t.match(run('snapctl', 'info'), { status: 1, stderr: /SNAPSHOT_FD does not name a snapshot; name a file/ });
  t.match(run('snapctl', 'resume', '/no/such/image'), { status: 3, stderr: '' }, 'no image: boot on');
  t.match(
    run('snapctl', 'resume', '/no/such/device:/image'),
    { status: 4, stderr: /no\/such\/device: No such file or directory; attach the device/ },
    'no device: do not boot',
  );
  t.match(run('snapctl', 'load', '/no/such/image'), { status: 1, stderr: /No such file/ });
  t.match(run('snapctl', 'take', '-c', '/dev/null', 'true'), {
    status: 1,
    stderr: /\/dev\/null: is not a block device/,
  });
});
