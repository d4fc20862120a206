// SPDX-License-Identifier: MIT
/** A volume as a file, for programs of the host. The file is sparse and is removed afterwards. */
import { open, rm } from 'node:fs/promises';
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
        await file.write(bytes, 0, bytes.length, at);
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
