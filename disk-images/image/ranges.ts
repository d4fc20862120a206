// SPDX-License-Identifier: MIT
/**
 * Disk images are mostly zeros. A list beside each image has the ranges that are not zero, so that only these few MiB
 * have to be read into memory.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, readFile, writeFile, type FileHandle } from 'node:fs/promises';
import { noteFilled } from '../../emulator/disks/sparse.js';
import { InputError, RigError } from '../../emulator/machine/errors.js';
import { SECTOR_BYTES } from '../../emulator/machine/units.js';
import type { ByteSource } from '../../emulator/verify/source.js';

/** Granularity of the list. */
const CHUNK_BYTES = 64 * 1024;
const READ_BYTES = 16 * 2 ** 20;

/** `[offset, length]` in bytes, ascending, not touching one another. */
export type Ranges = readonly (readonly [number, number])[];

interface RangesFile {
  readonly sizeBytes: number;
  readonly ranges: Ranges;
}

const rangesPath = (imagePath: string): string => `${imagePath}.ranges.json`;

/**
 * Writes the list for an image, and returns it. With `within`, only these ranges are read: the rest is known to be
 * zero.
 */
export async function indexImage(imagePath: string, within?: Ranges): Promise<Ranges> {
  const file = await open(imagePath);
  try {
    const { size } = await file.stat();
    const ranges = await findRanges(file, within ?? [[0, size]]);
    await writeFile(rangesPath(imagePath), JSON.stringify({ sizeBytes: size, ranges } satisfies RangesFile));
    return ranges;
  } finally {
    await file.close();
  }
}

/**
 * Copies the non-zero ranges of one file into another at an offset, and returns the ranges in the target. The rest of
 * the target must already be zero.
 */
export async function copyContent(from: string, to: string, offsetBytes: number): Promise<Ranges> {
  const source = await open(from);
  const target = await open(to, 'r+');
  try {
    const { size } = await source.stat();
    const ranges = await findRanges(source, [[0, size]]);
    for (const [at, length] of ranges) {
      const bytes = new Uint8Array(length);
      await readInto(source, bytes, 0, at, length);
      for (let done = 0; done < length;)
        done += (await target.write(bytes, done, length - done, offsetBytes + at + done)).bytesWritten;
    }
    return ranges.map(([at, length]) => [offsetBytes + at, length]);
  } finally {
    await source.close();
    await target.close();
  }
}

/**
 * A disk image in memory that workers can share. With a list beside it, only the non-zero ranges are read;
 * any other file is read completely.
 * @throws InputError when no disk can have its size, or it cannot be read.
 */
export async function loadDiskImage(path: string): Promise<Uint8Array<SharedArrayBuffer>> {
  const file = await open(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const { size } = await file.stat();
    checkSize(path, size);
    const bytes = new Uint8Array(new SharedArrayBuffer(size));
    const ranges = await knownRanges(path, size);
    for (const [at, length] of ranges) await readInto(file, bytes, at, at, length);
    noteFilled(
      bytes,
      ranges.map(([at, length]) => [at, at + length]),
    );
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * Gives `use` a disk image of which it reads little: its partition table, the superblocks. The image can be read until `use` returns.
 * @throws as {@link loadDiskImage}.
 */
export function withDiskImage<T>(path: string, use: (image: ByteSource) => T): T {
  const file = openToRead(path);
  try {
    const byteLength = fstatSync(file).size;
    checkSize(path, byteLength);
    return use({
      byteLength,
      read(offsetBytes, lengthBytes) {
        const bytes = new Uint8Array(lengthBytes);
        for (let done = 0; done < lengthBytes;) {
          const more = readSync(file, bytes, done, lengthBytes - done, offsetBytes + done);
          if (more === 0) throw shrunk();
          done += more;
        }
        return bytes;
      },
    });
  } finally {
    closeSync(file);
  }
}

function openToRead(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

const unreadable = (path: string, cause: unknown): InputError =>
  new InputError(`cannot read the disk image ${path}`, { cause, remedy: 'give the path of a file that is there' });

const shrunk = (): RigError =>
  new RigError('a disk image shrank while it was read', { remedy: 'let nothing else write to it, and try again' });

function checkSize(path: string, sizeBytes: number): void {
  if (sizeBytes === 0 || sizeBytes % SECTOR_BYTES !== 0)
    throw new InputError(`${path} has ${sizeBytes} bytes, which no disk can have`, {
      remedy: `a disk image is a whole number of sectors of ${SECTOR_BYTES} bytes`,
    });
}

async function knownRanges(imagePath: string, sizeBytes: number): Promise<Ranges> {
  const text = await readFile(rangesPath(imagePath), 'utf8').catch(() => undefined);
  if (text === undefined) return [[0, sizeBytes]];
  const listed = JSON.parse(text) as RangesFile;
  return listed.sizeBytes === sizeBytes ? listed.ranges : [[0, sizeBytes]];
}

async function findRanges(file: FileHandle, within: Ranges): Promise<Ranges> {
  const ranges: [number, number][] = [];
  const zeros = Buffer.alloc(CHUNK_BYTES);
  const buffer = Buffer.alloc(READ_BYTES);
  for (const [from, lengthBytes] of within) {
    for (let at = from; at < from + lengthBytes; at += READ_BYTES) {
      const length = Math.min(READ_BYTES, from + lengthBytes - at);
      await readInto(file, buffer, 0, at, length);
      for (let chunk = 0; chunk < length; chunk += CHUNK_BYTES) {
        const end = Math.min(chunk + CHUNK_BYTES, length);
        if (buffer.compare(zeros, 0, end - chunk, chunk, end) === 0) continue;
        const last = ranges.at(-1);
        if (last && last[0] + last[1] === at + chunk) last[1] += end - chunk;
        else ranges.push([at + chunk, end - chunk]);
      }
    }
  }
  return ranges;
}

async function readInto(
  file: FileHandle,
  into: Uint8Array,
  intoAt: number,
  fileAt: number,
  length: number,
): Promise<void> {
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(into, intoAt + done, length - done, fileAt + done);
    if (bytesRead === 0) throw shrunk();
    done += bytesRead;
  }
}
