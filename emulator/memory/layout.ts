// SPDX-License-Identifier: MIT
/**
 * The kernel's layout table: offsets, sizes and constants that the guest kernel itself exports,
 * so that no structure has to be guessed from a version. The format stands in guest-kernel/LAYOUT.md.
 */
import type { MarkerSeen } from '../machine/contract.js';
import { RigError } from '../machine/errors.js';
import { gpa, type Gpa } from '../machine/units.js';

/**
 * Name to value: `page.flags` = offset, `sizeof(page)` = size, `&init_task` = address, `PG_lru` = constant. Addresses of a
 * 64-bit kernel are negative, as everywhere in this folder (`Va`).
 */
export interface KernelLayout {
  readonly values: ReadonlyMap<string, number>;
}

const MAGIC = 0x4c474952;
const HEADER_BYTES = 8;
const NAME_BYTES = 32;
const ENTRY_BYTES = NAME_BYTES + 8;

/** Where the table lies, by the marker that announces it. */
export const layoutPlace = ({
  word0,
  word1,
}: Pick<MarkerSeen, 'word0' | 'word1'>): { readonly at: Gpa; readonly lengthBytes: number } => ({
  at: gpa(word0 + (word1 >>> 16) * 2 ** 32),
  lengthBytes: word1 & 0xffff,
});

/** Parses the table as the kernel announces it. Throws RigError when it is none, or cut short. */
export function parseLayout(bytes: Uint8Array): KernelLayout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) {
    throw new RigError("what the kernel announced as its layout table does not begin with the table's magic", {
      remedy: 'boot a guest kernel that was built with the rig markers',
    });
  }
  const count = view.getUint32(4, true);
  if (bytes.length < HEADER_BYTES + count * ENTRY_BYTES) {
    throw new RigError(`the kernel's layout table claims ${count} entries, but has ${bytes.length} bytes`);
  }
  const values = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    const name = bytes.subarray(at, at + NAME_BYTES);
    const end = name.indexOf(0);
    values.set(
      String.fromCharCode(...name.subarray(0, end < 0 ? NAME_BYTES : end)),
      Number(view.getBigInt64(at + NAME_BYTES, true)),
    );
  }
  return { values };
}

/** A value of the table. Throws RigError when the kernel does not export it. */
export function constant(layout: KernelLayout, name: string): number {
  const value = layout.values.get(name);
  if (value === undefined) {
    throw new RigError(`the kernel's layout table has no entry '${name}'`, {
      remedy: 'rebuild the guest kernel with the present patch series',
    });
  }
  return value;
}
