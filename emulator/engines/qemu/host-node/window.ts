// SPDX-License-Identifier: MIT
/** The window in which a guest program finds a delivery (see machine/delivery.ts): a file that QEMU maps. */
import { open } from 'node:fs/promises';
import { DELIVERY_WINDOW } from '../../../machine/delivery.js';
import { RigError } from '../../../machine/errors.js';

export interface Window {
  /** Replaces what is left of the previous delivery. The machine must stand. */
  deliver(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** Makes the file, before QEMU starts. @throws RigError when that fails. */
export async function createWindow(path: string): Promise<Window> {
  const file = await open(path, 'wx+').catch((cause: unknown) => {
    throw new RigError(`cannot make ${path}`, { cause });
  });
  await file.truncate(DELIVERY_WINDOW.lengthBytes);
  return {
    async deliver(bytes) {
      await file.write(bytes, 0, bytes.length, DELIVERY_WINDOW.bytesAt);
      await file.write(Uint32Array.of(bytes.length), 0, 4, 0);
    },
    close: () => void file.close(),
  };
}
