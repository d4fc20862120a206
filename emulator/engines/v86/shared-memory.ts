// SPDX-License-Identifier: MIT
/**
 * Bytes in memory that rig and workers share, so that they need not be copied. Ordinary memory if the host has no
 * shared one.
 */

/** Size of the slabs for small pieces. */
const SLAB_BYTES = 2 ** 20;

const sharedCopies = new WeakMap<Uint8Array, Uint8Array>();

/** The same bytes in shared memory, copied at most once. Unchanged if the host has no shared memory. */
export function shared(bytes: Uint8Array): Uint8Array {
  if (typeof SharedArrayBuffer === 'undefined' || bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const known = sharedCopies.get(bytes);
  if (known) return known;
  const copy = allocate(bytes.byteLength);
  copy.set(bytes);
  sharedCopies.set(bytes, copy);
  return copy;
}

/** Returns a function that copies bytes into shared memory permanently. Small pieces share a slab. */
export function createSharedStore(): (bytes: Uint8Array) => Uint8Array {
  let slab: Uint8Array = new Uint8Array(0);
  let used = 0;
  return (bytes) => {
    if (bytes.length > slab.length - used) {
      if (bytes.length >= SLAB_BYTES) return fill(allocate(bytes.length), bytes);
      slab = allocate(SLAB_BYTES);
      used = 0;
    }
    const piece = slab.subarray(used, used + bytes.length);
    used += bytes.length;
    return fill(piece, bytes);
  };
}

function allocate(lengthBytes: number): Uint8Array {
  return typeof SharedArrayBuffer === 'undefined'
    ? new Uint8Array(lengthBytes)
    : new Uint8Array(new SharedArrayBuffer(lengthBytes));
}

function fill(piece: Uint8Array, bytes: Uint8Array): Uint8Array {
  piece.set(bytes);
  return piece;
}
