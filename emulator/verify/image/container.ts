// SPDX-License-Identifier: MIT
/**
 * The container in which snapctl saves the image of a snapshot (guest-kernel/userspace/snapctl/container.h): a header,
 * the state in a sector of its own, chunks of the stream each packed by itself and with its checksum, and a seal over
 * all of them.
 */
import type { ZSTDDecoder } from 'zstddec';
import { concat } from '../../machine/bytes.js';
import { GuestError } from '../../machine/errors.js';
import { PAGE_BYTES } from '../../machine/units.js';
import { readChecked, type ByteSource } from '../source.js';
import { readImage, type Image } from './stream.js';
import { xxh32 } from './xxh32.js';

const MAGIC = 'SNAPBACK';
const STATE_MAGIC = 'SNAPSEAL';
const VERSION = 3;
const HEADER = { version: 8, cipher: 28, checksum: 3580, sizeof: 3584 } as const;
const STATE = { offset: 3584, progress: 8, checksum: 508, sizeof: 512 } as const;
const CHUNKS_OFFSET = 4096;
const CHUNK = { magic: 0, index: 4, rawBytes: 8, storedBytes: 12, encoding: 16, checksum: 20, sizeof: 24 } as const;
const CHUNK_MAGIC = 0x4b4e4843;
const SEAL_INDEX = 0xffffffff;
const SEAL = {
  imageBytesLow: 0,
  imageBytesHigh: 4,
  storedBytesLow: 8,
  storedBytesHigh: 12,
  chunks: 16,
  checksum: 20,
  sizeof: 24,
} as const;
const ENCODINGS = ['stored', 'zstd'] as const;

interface Chunk {
  readonly index: number;
  /** Offset of its content in the file. */
  readonly offset: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly encoding: (typeof ENCODINGS)[number];
}

/**
 * Reads a container and checks header, state, every chunk and the seal.
 * @throws GuestError naming the byte of the file at which it is damaged; from the image's contents, when a chunk cannot
 *   be unpacked.
 */
export async function readContainer(file: ByteSource): Promise<Image> {
  checkHeader(file);
  const chunks = readChunks(file);
  // It has its own wasm as text, so it is loaded only where there is an image to read.
  const { ZSTDDecoder } = await import('zstddec');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return readImage(() => pages(file, chunks, decoder));
}

function checkHeader(file: ByteSource): void {
  const header = readChecked(file, 0, HEADER.sizeof, 'the header of the snapshot');
  const field = (at: number): number => view(header).getUint32(at, true);
  if (text(header, MAGIC.length) !== MAGIC || field(HEADER.version) !== VERSION) {
    throw new GuestError('the file is not a snapshot in the format that this program knows');
  }
  if (xxh32(0, header.subarray(0, HEADER.checksum)) !== field(HEADER.checksum))
    throw new GuestError('the header of the snapshot does not have its checksum');
  if (field(HEADER.cipher) !== 0) throw new GuestError('the snapshot is encrypted, which cannot be read here');
  const state = readChecked(file, STATE.offset, STATE.sizeof, 'the state of the snapshot');
  const whole =
    text(state, STATE_MAGIC.length) === STATE_MAGIC &&
    xxh32(field(HEADER.checksum), state.subarray(0, STATE.checksum)) === view(state).getUint32(STATE.checksum, true);
  if (!whole) throw new GuestError(`the state of the snapshot, at byte ${STATE.offset}, does not have its checksum`);
}

function readChunks(file: ByteSource): readonly Chunk[] {
  const chunks: Chunk[] = [];
  const sum = { imageBytes: 0, storedBytes: 0, checksum: 0 };
  for (let offset = CHUNKS_OFFSET; ;) {
    const chunk = readChunk(file, offset, chunks.length);
    if (chunk.index === SEAL_INDEX) {
      checkSeal(file.read(chunk.offset, chunk.storedBytes), { ...sum, chunks: chunks.length });
      return chunks;
    }
    if (chunk.index !== chunks.length)
      throw new GuestError(
        `chunk ${chunk.index} stands at byte ${offset} of the snapshot, where number ${chunks.length} belongs`,
      );
    chunks.push(chunk);
    sum.imageBytes += chunk.rawBytes;
    sum.storedBytes += chunk.storedBytes;
    sum.checksum = xxh32(sum.checksum, file.read(offset + CHUNK.checksum, 4));
    offset = chunk.offset + chunk.storedBytes;
  }
}

function readChunk(file: ByteSource, offset: number, number: number): Chunk {
  const head = readChecked(file, offset, CHUNK.sizeof, `chunk ${number} of the snapshot`);
  const field = (at: number): number => view(head).getUint32(at, true);
  const rawBytes = field(CHUNK.rawBytes);
  const storedBytes = field(CHUNK.storedBytes);
  const encoding = ENCODINGS[field(CHUNK.encoding)];
  if (
    field(CHUNK.magic) !== CHUNK_MAGIC ||
    storedBytes > rawBytes ||
    encoding === undefined ||
    (encoding === 'stored' && storedBytes !== rawBytes)
  ) {
    throw new GuestError(`no chunk begins at byte ${offset} of the snapshot`);
  }
  const stored = readChecked(file, offset + CHUNK.sizeof, storedBytes, `chunk ${number} of the snapshot`);
  if (xxh32(xxh32(0, head.subarray(0, CHUNK.checksum)), stored) !== field(CHUNK.checksum)) {
    throw new GuestError(`the chunk at byte ${offset} of the snapshot does not have its checksum`);
  }
  return { index: field(CHUNK.index), offset: offset + CHUNK.sizeof, rawBytes, storedBytes, encoding };
}

function checkSeal(
  bytes: Uint8Array,
  found: {
    readonly chunks: number;
    readonly checksum: number;
    readonly imageBytes: number;
    readonly storedBytes: number;
  },
): void {
  const field = (at: number): number => view(bytes).getUint32(at, true);
  const whole =
    bytes.length === SEAL.sizeof &&
    field(SEAL.imageBytesLow) + field(SEAL.imageBytesHigh) * 2 ** 32 === found.imageBytes &&
    field(SEAL.storedBytesLow) + field(SEAL.storedBytesHigh) * 2 ** 32 === found.storedBytes &&
    field(SEAL.chunks) === found.chunks &&
    field(SEAL.checksum) === found.checksum;
  if (!whole) throw new GuestError('the seal of the snapshot does not match its contents');
}

function unpack(
  file: ByteSource,
  { offset, rawBytes, storedBytes, encoding }: Chunk,
  decoder: ZSTDDecoder,
): Uint8Array {
  const stored = file.read(offset, storedBytes);
  if (encoding === 'stored') return stored;
  // A frame that zstd does not take comes out with another length.
  const raw = decoder.decode(stored, rawBytes);
  if (raw.length !== rawBytes)
    throw new GuestError(`the chunk at byte ${offset - CHUNK.sizeof} of the snapshot cannot be unpacked`);
  return raw;
}

/** The stream cut into pages, which may straddle two chunks. */
function* pages(file: ByteSource, chunks: readonly Chunk[], decoder: ZSTDDecoder): Generator<Uint8Array> {
  let rest = new Uint8Array(0);
  for (const chunk of chunks) {
    const more = unpack(file, chunk, decoder);
    const data = rest.length === 0 ? more : concat([rest, more]);
    const whole = data.length - (data.length % PAGE_BYTES);
    for (let at = 0; at < whole; at += PAGE_BYTES) yield data.subarray(at, at + PAGE_BYTES);
    rest = data.slice(whole);
  }
}

const text = (bytes: Uint8Array, length: number): string => String.fromCharCode(...bytes.subarray(0, length));
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
