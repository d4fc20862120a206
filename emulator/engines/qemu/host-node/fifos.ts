// SPDX-License-Identifier: MIT
/** A line between QEMU and this process that takes much before it is read: two FIFOs. */
import { execFile } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { RigError } from '../../../machine/errors.js';
import type { Line } from './lines.js';

/**
 * Opens a line for a character device `pipe` of QEMU at `path`, which must be open before QEMU starts. QEMU writes byte by byte. A Unix
 * socket takes less than 300 such writes before they are read, a FIFO 64 KiB. A kernel that prints waits 10 ms for each byte that is
 * not taken, and then loses it.
 * @throws RigError when it cannot be made.
 */
export async function openFifos(path: string, onBytes: (bytes: Uint8Array) => void): Promise<Line> {
  const [input, output] = [`${path}.in`, `${path}.out`] as const;
  try {
    await promisify(execFile)('mkfifo', ['--', input, output]);
    const writer = new Socket({ fd: opened(input), readable: false, writable: true });
    const reader = new Socket({ fd: opened(output), readable: true, writable: false });
    for (const end of [writer, reader]) end.on('error', () => undefined);
    reader.on('data', onBytes);
    return {
      send: (bytes) => void writer.write(bytes),
      close() {
        writer.destroy();
        reader.destroy();
      },
    };
  } catch (cause) {
    throw new RigError(`cannot make the FIFOs ${input} and ${output}`, {
      cause,
      remedy: 'name another folder for temporary files with TMPDIR',
    });
  }
}

/** For both directions, because for one alone it waits until QEMU has opened the other. */
function opened(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}
