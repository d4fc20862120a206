// SPDX-License-Identifier: MIT
/**
 * The container in which snapctl saves the image of a snapshot (guest-kernel/userspace/snapctl/container.h): a header
 * page, chunks of the stream each with its checksum, and a seal over all of them.
 */
import { GuestError } from '../../machine/errors.js';
import { PAGE_BYTES } from '../../machine/units.js';
import { readChecked, type ByteSource } from '../source.js';
import { crc32c } from './crc32c.js';
import { readImage, type Image } from './stream.js';

const MAGIC = 'SNAPBACK';
const VERSION = 1;
const HEADER_BYTES = 4096;
const HEADER = { version: 8, chunkBytes: 12, compression: 16, encryption: 20 } as const;
const CHUNK = { magic: 0, index: 4, rawBytes: 8, storedBytes: 12, checksum: 16, sizeof: 20 } as const;
const CHUNK_MAGIC = 0x4b4e4843;
const SEAL_INDEX = 0xffffffff;
const SEAL = { imageBytesLow: 0, imageBytesHigh: 4, chunks: 8, checksum: 12, sizeof: 16 } as const;

interface Chunk {
  readonly offset: number;
  readonly bytes: number;
}

/** Reads a container and checks every chunk and the seal. Throws GuestError naming the byte of the file at which it is damaged. */
export function readContainer(file: ByteSource): Image {
  const header = readChecked(file, 0, HEADER_BYTES, 'the header of the snapshot');
  const field = (at: number): number => view(header).getUint32(at, true);
  if (String.fromCharCode(...header.subarray(0, MAGIC.length)) !== MAGIC || field(HEADER.version) !== VERSION) {
    throw new GuestError('the file is not a snapshot in the format that this program knows');
  }
  if (field(HEADER.compression) !== 0 || field(HEADER.encryption) !== 0) throw new GuestError('the snapshot is compressed or encrypted, which cannot be read here');
  const chunks = readChunks(file);
  return readImage(() => pages(file, chunks));
}

function readChunks(file: ByteSource): Chunk[] {
  const chunks: Chunk[] = [];
  let sum = 0;
  let imageBytes = 0;
  for (let offset = HEADER_BYTES; ; ) {
    const head = view(readChecked(file, offset, CHUNK.sizeof, `chunk ${chunks.length} of the snapshot`));
    const bytes = head.getUint32(CHUNK.storedBytes, true);
    const index = head.getUint32(CHUNK.index, true);
    if (head.getUint32(CHUNK.magic, true) !== CHUNK_MAGIC || head.getUint32(CHUNK.rawBytes, true) !== bytes) throw new GuestError(`no chunk begins at byte ${offset} of the snapshot`);
    const data = readChecked(file, offset + CHUNK.sizeof, bytes, `chunk ${chunks.length} of the snapshot`);
    const checksum = head.getUint32(CHUNK.checksum, true);
    if (crc32c(0, data) !== checksum) throw new GuestError(`the chunk at byte ${offset} of the snapshot does not have its checksum`);
    if (index === SEAL_INDEX) {
      checkSeal(data, { chunks: chunks.length, sum, imageBytes });
      return chunks;
    }
    if (index !== chunks.length) throw new GuestError(`chunk ${index} stands at byte ${offset} of the snapshot, where number ${chunks.length} belongs`);
    chunks.push({ offset: offset + CHUNK.sizeof, bytes });
    sum = crc32c(sum, new Uint8Array(head.buffer, head.byteOffset + CHUNK.checksum, 4));
    imageBytes += bytes;
    offset += CHUNK.sizeof + bytes;
  }
}

function checkSeal(bytes: Uint8Array, found: { readonly chunks: number; readonly sum: number; readonly imageBytes: number }): void {
  const seal = view(bytes);
  const whole =
    bytes.length === SEAL.sizeof &&
    seal.getUint32(SEAL.imageBytesLow, true) + seal.getUint32(SEAL.imageBytesHigh, true) * 2 ** 32 === found.imageBytes &&
    seal.getUint32(SEAL.chunks, true) === found.chunks &&
    seal.getUint32(SEAL.checksum, true) === found.sum;
  if (!whole) throw new GuestError('the seal of the snapshot does not fit what is sealed');
}

/** The stream cut into pages, which may straddle two chunks. */
function* pages(file: ByteSource, chunks: readonly Chunk[]): Generator<Uint8Array> {
  let rest = new Uint8Array(0);
  for (const { offset, bytes } of chunks) {
    const more = file.read(offset, bytes);
    const data = new Uint8Array(rest.length + more.length);
    data.set(rest);
    data.set(more, rest.length);
    const whole = data.length - (data.length % PAGE_BYTES);
    for (let at = 0; at < whole; at += PAGE_BYTES) yield data.subarray(at, at + PAGE_BYTES);
    rest = data.slice(whole);
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
