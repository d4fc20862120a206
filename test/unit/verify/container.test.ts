// SPDX-License-Identifier: MIT
import t from 'tap';
import { concat } from '../../../emulator/machine/bytes.js';
import { readContainer } from '../../../emulator/verify/image/container.js';
import { crc32c } from '../../../emulator/verify/image/crc32c.js';
import { sourceOf } from '../../../emulator/verify/source.js';
import { imageStream, type ImageFrame } from './synthetic-image.js';

const FRAMES: readonly ImageFrame[] = [{ frame: 3, fill: 7 }, { frame: 9, fill: 0 }, { frame: 10, fill: 8 }];
/** Pages straddle the chunks. */
const CHUNK_BYTES = 10_000;

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  for (const [i, value] of values.entries()) new DataView(bytes.buffer).setUint32(4 * i, value, true);
  return bytes;
}

function container(frames: readonly ImageFrame[]): Uint8Array {
  const stream = concat(imageStream(frames));
  const chunk = (index: number, data: Uint8Array): Uint8Array => concat([words(0x4b4e4843, index, data.length, data.length, crc32c(0, data)), data]);
  const pieces: Uint8Array[] = [];
  let sum = 0;
  for (let at = 0; at < stream.length; at += CHUNK_BYTES) {
    const data = stream.subarray(at, at + CHUNK_BYTES);
    sum = crc32c(sum, words(crc32c(0, data)));
    pieces.push(chunk(pieces.length, data));
  }
  const header = new Uint8Array(4096);
  header.set(new TextEncoder().encode('SNAPBACK'));
  header.set(words(1, CHUNK_BYTES), 8);
  return concat([header, ...pieces, chunk(0xffffffff, words(stream.length, 0, pieces.length, sum))]);
}

t.test('the checksum is the one of RFC 3720', async (t) => {
  t.equal(crc32c(0, new TextEncoder().encode('123456789')), 0xe3069283);
  t.equal(crc32c(crc32c(0, new TextEncoder().encode('1234')), new TextEncoder().encode('56789')), 0xe3069283);
});

t.test('a snapshot is read out of its container', async (t) => {
  const image = readContainer(sourceOf(container(FRAMES)));
  t.same([...image.contents()].map(({ frame, bytes }) => [frame, bytes[0]]), [[3, 7], [9, 0], [10, 8]]);
});

t.test('a damaged container is refused, wherever the damage is', async (t) => {
  const whole = container(FRAMES);
  const damaged = (at: number): Uint8Array => whole.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const cases: readonly [number, RegExp][] = [
    [0, /not a snapshot/],
    [16, /compressed or encrypted/],
    [4096, /no chunk begins at byte 4096/],
    [4100, /chunk 1 stands at byte 4096/],
    [4120, /the chunk at byte 4096 of the snapshot does not have its checksum/],
    [whole.length - 20, /does not have its checksum/],
  ];
  for (const [at, message] of cases) t.throws(() => readContainer(sourceOf(damaged(at))), { name: 'GuestError', message }, `byte ${at}`);
  t.throws(() => readContainer(sourceOf(whole.subarray(0, whole.length - 40))), { name: 'GuestError', message: /beyond the end/ });
  const resealed = whole.slice();
  const seal = resealed.subarray(-16);
  seal[8] = 7;
  resealed.set(words(crc32c(0, seal)), resealed.length - 20);
  t.throws(() => readContainer(sourceOf(resealed)), { name: 'GuestError', message: /the seal/ });
});
