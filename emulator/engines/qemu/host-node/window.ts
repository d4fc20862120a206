// SPDX-License-Identifier: MIT
/** The window in which a guest program finds a delivery (see machine/delivery.ts): a file that QEMU maps. */
import { open } from 'node:fs/promises';
import { DELIVERY_WINDOW } from '../../../machine/delivery.js';

export interface Window {
  /** Replaces what is left of the previous delivery. The machine must stand. */
  deliver(bytes: Uint8Array): Promise<void>;
  /** The whole file. The machine must stand. */
  save(): Promise<Uint8Array>;
  /** The reverse. */
  load(content: Uint8Array): Promise<void>;
  close(): void;
}

/** Makes the file, before QEMU starts. */
export async function createWindow(path: string): Promise<Window> {
  const file = await open(path, 'wx+');
  // Its room is taken now: a write of QEMU to a file that cannot grow would end it.
  try {
    await file.writeFile(new Uint8Array(DELIVERY_WINDOW.lengthBytes));
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    async deliver(bytes) {
      await file.write(bytes, 0, bytes.length, DELIVERY_WINDOW.bytesAt);
      await file.write(Uint32Array.of(bytes.length), 0, 4, 0);
    },
    async save() {
      const content = new Uint8Array(DELIVERY_WINDOW.lengthBytes);
      await file.read(content, 0, content.length, 0);
      return content;
    },
    load: async (content) => void (await file.write(content, 0, content.length, 0)),
    close: () => void file.close(),
  };
}
