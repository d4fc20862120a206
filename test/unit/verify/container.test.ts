// SPDX-License-Identifier: MIT
import t from 'tap';
import { concat } from '../../../emulator/machine/bytes.js';
import { readContainer } from '../../../emulator/verify/image/container.js';
import { xxh32 } from '../../../emulator/verify/image/xxh32.js';
import { sourceOf } from '../../../emulator/verify/source.js';
import { imageStream, type ImageFrame } from './synthetic-image.js';

const FRAMES: readonly ImageFrame[] = [
  { frame: 3, fill: 7 },
  { frame: 9, fill: 0 },
  { frame: 10, fill: 8 },
];
/** Pages straddle the chunks. */
const CHUNK_BYTES = 10_000;
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  for (const [i, value] of values.entries()) new DataView(bytes.buffer).setUint32(4 * i, value, true);
  return bytes;
}

const summed = (bytes: Uint8Array, seed = 0): Uint8Array => concat([bytes, words(xxh32(seed, bytes))]);

function header({ version = 3, cipher = 0 } = {}): Uint8Array {
  const bytes = new Uint8Array(3580);
  bytes.set(ascii('SNAPBACK'));
  bytes.set(words(version), 8);
  bytes.set(words(cipher), 28);
  const whole = summed(bytes);
  const state = new Uint8Array(508);
  state.set(ascii('SNAPSEAL'));
  return concat([whole, summed(state, new DataView(whole.buffer).getUint32(3580, true))]);
}

function chunk(
  index: number,
  stored: Uint8Array,
  raw?: number,
): { readonly bytes: Uint8Array; readonly checksum: Uint8Array } {
  const head = words(0x4b4e4843, index, raw ?? stored.length, stored.length, raw === undefined ? 0 : 1);
  const checksum = words(xxh32(xxh32(0, head), stored));
  return { bytes: concat([head, checksum, stored]), checksum };
}

/** Pieces of a stream, each with its length when it is unpacked if it is packed. */
function container(pieces: readonly (readonly [Uint8Array, number?])[], options = {}): Uint8Array {
  const chunks = pieces.map(([stored, raw], index) => chunk(index, stored, raw));
  const imageBytes = pieces.reduce((sum, [stored, raw]) => sum + (raw ?? stored.length), 0);
  const storedBytes = pieces.reduce((sum, [stored]) => sum + stored.length, 0);
  const checksum = chunks.reduce((sum, one) => xxh32(sum, one.checksum), 0);
  const seal = words(imageBytes, 0, storedBytes, 0, chunks.length, checksum);
  return concat([header(options), ...chunks.map(({ bytes }) => bytes), chunk(0xffffffff, seal).bytes]);
}

const stream = concat(imageStream(FRAMES));
const pieces = Array.from({ length: Math.ceil(stream.length / CHUNK_BYTES) }, (_, i) =>
  stream.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
);

/** A zstd frame (RFC 8878) of one block that repeats a byte: no checksum, its size in the header. */
const repeated = (byte: number, count: number): Uint8Array =>
  concat([
    Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0),
    words(count),
    Uint8Array.of(...[0, 8, 16].map((shift) => (((count << 3) | 2 | 1) >>> shift) & 255), byte),
  ]);

t.test('the checksum is the one of the specification', async (t) => {
  t.equal(xxh32(0, ascii('')), 0x02cc5d05);
  t.equal(xxh32(0, ascii('abc')), 0x32d153ff);
  t.equal(xxh32(0, ascii('Nobody inspects the spammish repetition')), 0xe2293b2f);
});

t.test('a snapshot is read out of its container', async (t) => {
  const image = await readContainer(sourceOf(container(pieces.map((piece) => [piece]))));
  t.same(
    [...image.contents()].map(({ frame, bytes }) => [frame, bytes[0]]),
    [
      [3, 7],
      [9, 0],
      [10, 8],
    ],
  );
});

t.test('packed chunks are unpacked', async (t) => {
  const last = stream.subarray(-4096);
  t.ok(last.every((byte) => byte === 8));
  const image = await readContainer(sourceOf(container([[stream.subarray(0, -4096)], [repeated(8, 4096), 4096]])));
  t.same(
    [...image.contents()].map(({ frame, bytes }) => [frame, bytes[0], bytes.at(-1)]),
    [
      [3, 7, 7],
      [9, 0, 0],
      [10, 8, 8],
    ],
  );
  const wrong = await readContainer(sourceOf(container([[stream.subarray(0, -4096)], [repeated(8, 4095), 4096]])));
  t.throws(() => [...wrong.contents()], {
    name: 'GuestError',
    message: /chunk at byte \d+ of the snapshot cannot be unpacked/,
  });
});

t.test('a damaged container is refused, wherever the damage is', async (t) => {
  const whole = container(pieces.map((piece) => [piece]));
  const damaged = (at: number): Uint8Array => whole.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const cases: readonly [number, RegExp][] = [
    [0, /not a snapshot/],
    [16, /the header of the snapshot does not have its checksum/],
    [3600, /the state of the snapshot, at byte 3584/],
    [4096, /no chunk begins at byte 4096/],
    [4100, /the chunk at byte 4096 of the snapshot does not have its checksum/],
    [4120, /the chunk at byte 4096 of the snapshot does not have its checksum/],
    [whole.length - 20, /does not have its checksum/],
  ];
  for (const [at, message] of cases)
    await t.rejects(readContainer(sourceOf(damaged(at))), { name: 'GuestError', message }, `byte ${at}`);
  await t.rejects(readContainer(sourceOf(whole.subarray(0, whole.length - 40))), {
    name: 'GuestError',
    message: /beyond the end/,
  });
  await t.rejects(readContainer(sourceOf(concat([header({ cipher: 1 }), whole.subarray(4096)]))), {
    name: 'GuestError',
    message: /encrypted/,
  });
  await t.rejects(readContainer(sourceOf(concat([header({ version: 1 }), whole.subarray(4096)]))), {
    name: 'GuestError',
    message: /not a snapshot in the format/,
  });
  const [first, second] = pieces.map((piece, index) => chunk(index, piece).bytes);
  const swapped = concat([
    whole.subarray(0, 4096),
    second ?? whole,
    first ?? whole,
    whole.subarray(4096 + (first?.length ?? 0) + (second?.length ?? 0)),
  ]);
  await t.rejects(readContainer(sourceOf(swapped)), { name: 'GuestError', message: /chunk 1 stands at byte 4096/ });
  const missing = concat([header(), chunk(0, pieces[0] ?? stream).bytes, whole.subarray(-48)]);
  await t.rejects(readContainer(sourceOf(missing)), { name: 'GuestError', message: /the seal/ });
});
