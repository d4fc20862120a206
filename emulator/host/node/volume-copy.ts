// SPDX-License-Identifier: MIT
/** A volume as a file, for programs of the host. The file is sparse and is removed afterwards. */
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../machine/errors.js';
import { makeTemporaryFolder } from './temporary.js';
import { filledRanges, type ByteSource } from '../../verify/source.js';

const CHUNK_BYTES = 1 << 20;

/** Calls `work` with the path of a copy. @throws RigError when there is no space for it. */
export async function withVolumeCopy<T>(volume: ByteSource, work: (path: string) => Promise<T>): Promise<T> {
  const directory = await makeTemporaryFolder('snapback-fsck-');
  try {
    const path = join(directory, 'volume');
    await writeSparse(volume, path);
    return await work(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes the volume, with holes where it is known to contain only zeros. */
async function writeSparse(volume: ByteSource, path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(volume.byteLength);
    for (const [from, to] of filledRanges(volume)) {
      for (let at = from; at < to; at += CHUNK_BYTES) {
        const bytes = volume.read(at, Math.min(CHUNK_BYTES, to - at));
        await writeFully(file, bytes, at);
      }
    }
  } catch (cause) {
    throw new RigError(`cannot write a copy of a volume of ${volume.byteLength} bytes to ${path}`, {
      cause,
      remedy: 'make room in the directory for temporary files, or set TMPDIR',
    });
  } finally {
    await file.close();
  }
}

/**
 * Writes all bytes at offset `at` of a file. The system may write fewer bytes than it is told to, for example when a
 * disk is almost full.
 * @throws the error of the system, Error when it writes nothing.
 */
export async function writeFully(file: Pick<FileHandle, 'write'>, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    if (bytesWritten === 0) throw new Error(`nothing could be written at byte ${at + done}`);
    done += bytesWritten;
  }
}
