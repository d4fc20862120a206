// SPDX-License-Identifier: MIT
/** Reads files that people write. */
import { open } from 'node:fs/promises';

/** Upper bound, far above the size of any file written by hand. */
const BYTES_MAX = 2 ** 20;

/** The text of a file. @throws Error when it cannot be read, is larger than 1 MiB, or is not UTF-8. */
export async function readTextFile(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    // The size in the file's status is not used: a pipe has none, and /dev/zero never ends.
    const bytes = Buffer.alloc(BYTES_MAX + 1);
    let filled = 0;
    for (let read = -1; read !== 0 && filled < bytes.length; filled += read)
      read = (await file.read(bytes, filled, bytes.length - filled, null)).bytesRead;
    if (filled > BYTES_MAX) throw new Error('it is larger than 1 MiB, which no file of this kind is');
    return textOf(bytes.subarray(0, filled));
  } finally {
    await file.close();
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error('it is not text in UTF-8');
  }
}
