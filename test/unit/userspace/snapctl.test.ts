// SPDX-License-Identifier: MIT
/** What snapctl says of images on the host: good ones, and damaged in each way. The layout is that of snapctl/container.h. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { run } from './fixtures/programs.js';

const HEADER_BYTES = 4096;
const CHUNK_BYTES = 65536;
const CHUNK_HEADER_BYTES = 20;
const SEAL_INDEX = 0xffffffff;
const OFFSET = { version: 8, chunkBytes: 12, imageBytes: 288, sealed: 536, seal: 544, checksum: 1460 } as const;

/** CRC-32C (Castagnoli), bit by bit: another way than the program's, to the same numbers. */
function crc32c(bytes: Uint8Array, start = 0): number {
  let crc = ~start;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32LE(value, 4 * index));
  return bytes;
}

function chunk(index: number, data: Buffer): Buffer {
  return Buffer.concat([numbers(0x4b4e4843, index, data.length, data.length, crc32c(data)), data]);
}

function container({ sealed = true, version = 1 } = {}): Buffer {
  const data = [Buffer.alloc(CHUNK_BYTES, 1), Buffer.alloc(CHUNK_BYTES, 2), Buffer.alloc(100, 3)];
  const imageBytes = data.reduce((sum, { length }) => sum + length, 0);
  const checksum = data.reduce((crc, bytes) => crc32c(numbers(crc32c(bytes)), crc), 0);
  const seal = numbers(imageBytes, 0, data.length, checksum);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('SNAPBACK');
  header.writeUInt32LE(version, OFFSET.version);
  header.writeUInt32LE(CHUNK_BYTES, OFFSET.chunkBytes);
  header.writeUInt32LE(imageBytes, OFFSET.imageBytes);
  if (sealed) {
    header.writeUInt32LE(1, OFFSET.sealed);
    seal.copy(header, OFFSET.seal);
  }
  header.writeUInt32LE(crc32c(header.subarray(0, OFFSET.checksum)), OFFSET.checksum);
  return Buffer.concat([header, ...data.map((bytes, index) => chunk(index, bytes)), chunk(SEAL_INDEX, seal)]);
}

const SECOND_CHUNK = HEADER_BYTES + CHUNK_HEADER_BYTES + CHUNK_BYTES;

test('images', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'snapback-snapctl-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const verify = (bytes: Buffer) => {
    writeFileSync(join(dir, 'image'), bytes);
    return run('snapctl', 'verify', join(dir, 'image'));
  };
  const changed = (offset: number): Buffer => {
    const bytes = container();
    bytes.writeUInt8((bytes[offset] ?? 0) ^ 4, offset);
    return bytes;
  };

  t.match(verify(container()), { status: 0, stderr: '' }, 'a whole one');
  t.match(run('snapctl', 'info', join(dir, 'image')), { status: 0, stdout: /^image: 131172 bytes\nsealed: yes$/m });
  t.match(verify(changed(SECOND_CHUNK + 1000)), { status: 1, stderr: new RegExp(`chunk at byte ${SECOND_CHUNK} of the file does not have its checksum`) }, 'one bit flipped');
  t.match(verify(changed(SECOND_CHUNK)), { status: 1, stderr: /no chunk begins there/ }, 'a damaged chunk header');
  t.match(verify(changed(OFFSET.imageBytes)), { status: 1, stderr: /its header is damaged/ }, 'a damaged header');
  t.match(verify(container().subarray(0, SECOND_CHUNK + 5000)), { status: 1, stderr: /before its seal: saving it was interrupted/ }, 'torn');
  t.match(verify(container({ sealed: false })), { status: 1, stderr: /is not sealed: saving it was interrupted/ }, 'not sealed');
  t.match(verify(container({ version: 2 })), { status: 1, stderr: /has format version 2, this program reads 1/ }, 'of the future');
  t.match(verify(Buffer.from('something else')), { status: 1, stderr: /is not an image of snapctl/ }, 'something else');

  const whole = container();
  const [first, second] = [whole.subarray(HEADER_BYTES, SECOND_CHUNK), whole.subarray(SECOND_CHUNK, SECOND_CHUNK + CHUNK_HEADER_BYTES + CHUNK_BYTES)];
  const swapped = Buffer.concat([whole.subarray(0, HEADER_BYTES), second, first, whole.subarray(HEADER_BYTES + first.length + second.length)]);
  t.match(verify(swapped), { status: 1, stderr: /chunk 1 stands at byte 4096 of the file, where number 0 belongs/ }, 'two chunks swapped');
});

test('wrong use', async (t) => {
  t.match(run('snapctl'), { status: 2, stderr: /^usage:/ });
  t.match(run('snapctl', 'take'), { status: 2, stderr: /^usage:/ });
  t.match(run('snapctl', 'save', 'x'), { status: 1, stderr: /SNAPSHOT_FD is not set; let snapctl take run this command/ });
  t.match(run('snapctl', 'resume', '/no/such/image'), { status: 3, stderr: '' }, 'no image: boot on');
  t.match(run('snapctl', 'load', '/no/such/image'), { status: 1, stderr: /No such file/ });
  t.match(run('snapctl', 'take', '-c', '/dev/null', 'true'), { status: 1, stderr: /\/dev\/null: is not a block device/ });
});
