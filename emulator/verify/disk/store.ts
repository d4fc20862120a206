// SPDX-License-Identifier: MIT
/** Stores of snapshots on block devices, by the header that the kernel keeps there (its <linux/snapshot_store.h>). */
import type { ByteSource } from '../source.js';

const HEADER = { offset: 128 * 1024, magic: 'snapshot store\r\n', versionAt: 40, stateAt: 44, bytes: 48 } as const;
const VERSION = 2;
const COMMITTING = 2;

/**
 * Whether a commit from this store has begun and has not been completed. Until then, filesystems of the devices that it
 * belongs to are neither as they were before nor as they will be, and the next boot completes them.
 */
export function isCommitting(volume: ByteSource): boolean {
  if (volume.byteLength < HEADER.offset + HEADER.bytes) return false;
  const header = volume.read(HEADER.offset, HEADER.bytes);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return (
    new TextDecoder('latin1').decode(header.subarray(0, HEADER.magic.length)) === HEADER.magic &&
    view.getUint32(HEADER.versionAt, true) === VERSION &&
    view.getUint32(HEADER.stateAt, true) === COMMITTING
  );
}
