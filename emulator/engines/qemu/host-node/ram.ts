// SPDX-License-Identifier: MIT
/**
 * The RAM of a QEMU, as files that both it and this process have open: one for each NUMA node. They have no names and end
 * with the two.
 */
import { open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { packedRuns } from '../../../disks/sparse.js';
import type { MachineConfig } from '../../../machine/contract.js';
import { RigError } from '../../../machine/errors.js';
import { ramOffset, ramPlaces } from '../../../machine/ram.js';
import type { Gpa } from '../../../machine/units.js';

export interface Ram {
  /** @returns a copy in memory that workers can share. */
  read(at: Gpa, lengthBytes: number): Promise<Uint8Array>;
  /** All of it, in the order of addresses. */
  all(): Promise<Uint8Array>;
  /** The same in pieces of at most this length. */
  pieces(lengthBytes: number): AsyncIterable<Uint8Array>;
  /** Fills it with what `packPages` has packed, before the machine has run. It must be all zeros. */
  fill(packed: readonly [indexes: Uint8Array, content: Uint8Array]): Promise<void>;
  close(): Promise<void>;
}

const READ_BYTES_MAX = 16 << 20;

/** The RAM of process `pid`, which must have made it already. @throws RigError when it cannot be opened. */
export async function openRam(
  pid: number,
  config: Pick<MachineConfig, 'memoryMiB' | 'highMemoryMiB' | 'nodes'>,
): Promise<Ram> {
  const places = ramPlaces(config);
  const { nodes = 1 } = config;
  const files = await openMemfds(`/proc/${pid}/fd`, nodes).catch((cause: unknown) => {
    throw new RigError("cannot open the memory of QEMU's machine", { cause });
  });
  const nodeBytes = places.lengthBytes / nodes;

  /** The file of an offset, and where in it; `lengthBytes` ends with the file. */
  const placeOf = (offset: number, lengthBytes: number): { file: FileHandle; within: number; lengthBytes: number } => {
    const within = offset % nodeBytes;
    const file = files[Math.floor(offset / nodeBytes)];
    if (file === undefined) throw new RigError(`QEMU's machine has no memory at offset ${offset}`);
    return { file, within, lengthBytes: Math.min(lengthBytes, nodeBytes - within) };
  };
  const offsetOf = (at: Gpa, lengthBytes: number): number => {
    const offset = ramOffset(places, at, lengthBytes);
    if (offset === undefined) throw new RigError(`QEMU's machine has no memory at ${at}`);
    return offset;
  };
  const readFrom = async (offset: number, lengthBytes: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(new SharedArrayBuffer(lengthBytes));
    for (let done = 0; done < lengthBytes;) {
      const place = placeOf(offset + done, Math.min(READ_BYTES_MAX, lengthBytes - done));
      const { bytesRead } = await place.file.read(bytes, done, place.lengthBytes, place.within);
      if (bytesRead === 0) throw new RigError(`QEMU's machine has no memory at offset ${offset + done}`);
      done += bytesRead;
    }
    return bytes;
  };
  return {
    read: async (at, lengthBytes) => readFrom(offsetOf(at, lengthBytes), lengthBytes),
    all: () => readFrom(0, places.lengthBytes),
    async *pieces(lengthBytes) {
      for (let from = 0; from < places.lengthBytes; from += lengthBytes)
        yield readFrom(from, Math.min(lengthBytes, places.lengthBytes - from));
    },
    async fill(packed) {
      for (const { at, bytes } of packedRuns(...packed))
        for (let done = 0; done < bytes.length;) {
          const place = placeOf(at + done, bytes.length - done);
          const { bytesWritten } = await place.file.write(bytes, done, place.lengthBytes, place.within);
          done += bytesWritten;
        }
    },
    async close() {
      for (const file of files) await file.close();
    },
  };
}

/** In the order in which QEMU made them, which is that of the nodes. */
async function openMemfds(folder: string, count: number): Promise<FileHandle[]> {
  const found: string[] = [];
  for (const name of (await readdir(folder)).sort((a, b) => Number(a) - Number(b))) {
    const target = await readlink(`${folder}/${name}`).catch(() => '');
    if (target.startsWith('/memfd:memory-backend-memfd')) found.push(`${folder}/${name}`);
  }
  if (found.length !== count)
    throw new Error(`${found.length} memory-backend-memfd among the files of ${folder}, not ${count}`);
  return Promise.all(found.map((path) => open(path, 'r+')));
}
