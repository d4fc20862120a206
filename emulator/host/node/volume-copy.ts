// SPDX-License-Identifier: MIT
/** A volume as a file, for programs of the host. The file is sparse and gone afterwards. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RigError } from '../../machine/errors.js';
import type { ByteSource } from '../../verify/source.js';

const CHUNK_BYTES = 1 << 20;
const HOLE_BYTES = 4096;

/** Does `work` with the path of a copy. @throws RigError when there is no room for it. */
export async function withVolumeCopy<T>(volume: ByteSource, work: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'snapback-fsck-'));
  try {
    const path = join(directory, 'volume');
    await writeSparse(volume, path);
    return await work(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes the volume with holes where it holds only zeros. */
async function writeSparse(volume: ByteSource, path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(volume.byteLength);
    for (let at = 0; at < volume.byteLength; at += CHUNK_BYTES) {
      const bytes = volume.read(at, Math.min(CHUNK_BYTES, volume.byteLength - at));
      for (const [from, to] of filled(bytes)) await file.write(bytes, from, to - from, at + from);
    }
  } catch (cause) {
    throw new RigError(`cannot write a copy of a volume of ${volume.byteLength} bytes to ${path}`, { cause, remedy: 'make room in the directory for temporary files, or set TMPDIR' });
  } finally {
    await file.close();
  }
}

/** The stretches of `bytes` that are not all zeros, in steps of a block. */
function filled(bytes: Uint8Array): [number, number][] {
  const stretches: [number, number][] = [];
  const zeros = Buffer.alloc(HOLE_BYTES);
  for (let at = 0; at < bytes.length; at += HOLE_BYTES) {
    const end = Math.min(at + HOLE_BYTES, bytes.length);
    if (zeros.compare(bytes, at, end, 0, end - at) === 0) continue;
    const last = stretches.at(-1);
    if (last !== undefined && last[1] === at) last[1] = end;
    else stretches.push([at, end]);
  }
  return stretches;
}
