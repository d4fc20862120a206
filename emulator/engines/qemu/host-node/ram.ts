// SPDX-License-Identifier: MIT
/** The RAM of a QEMU, as the file that both it and this process have open. The file has no name and ends with them. */
import { open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { RigError } from '../../../machine/errors.js';
import type { Gpa } from '../../../machine/units.js';

export interface Ram {
  /** @returns a copy in memory that workers can share. */
  read(at: Gpa, lengthBytes: number): Promise<Uint8Array>;
  /** Code that the guest has executed already is not translated anew: alter data only. */
  write(at: Gpa, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const READ_BYTES_MAX = 16 << 20;

/** The RAM of process `pid`, which must have made it already. @throws RigError when it cannot be opened. */
export async function openRam(pid: number): Promise<Ram> {
  const file = await openMemfd(`/proc/${pid}/fd`).catch((cause: unknown) => {
    throw new RigError("cannot open the memory of QEMU's machine", { cause });
  });
  return {
    async read(at, lengthBytes) {
      const bytes = new Uint8Array(new SharedArrayBuffer(lengthBytes));
      for (let done = 0; done < lengthBytes;) {
        const wanted = Math.min(READ_BYTES_MAX, lengthBytes - done);
        const { bytesRead } = await file.read(bytes, done, wanted, at + done);
        if (bytesRead === 0) throw new RigError(`QEMU's machine has no memory at ${at + done}`);
        done += bytesRead;
      }
      return bytes;
    },
    async write(at, bytes) {
      await file.write(bytes, 0, bytes.length, at);
    },
    close: () => file.close(),
  };
}

async function openMemfd(folder: string): Promise<FileHandle> {
  for (const name of await readdir(folder)) {
    const target = await readlink(`${folder}/${name}`).catch(() => '');
    if (target.startsWith('/memfd:memory-backend-memfd')) return open(`${folder}/${name}`, 'r+');
  }
  throw new Error(`no memory-backend-memfd among the files of ${folder}`);
}
