// SPDX-License-Identifier: MIT
/** A growing array of bytes. */

export interface ByteLog {
  push(byte: number): void;
  /** A copy of the bytes from `from` on. */
  bytes(from?: number): Uint8Array;
}

export function createByteLog(): ByteLog {
  let store = new Uint8Array(256);
  let length = 0;
  return {
    push(byte) {
      if (length === store.length) {
        const larger = new Uint8Array(store.length * 2);
        larger.set(store);
        store = larger;
      }
      store[length++] = byte;
    },
    bytes: (from = 0) => store.slice(from, length),
  };
}
