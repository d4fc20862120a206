// SPDX-License-Identifier: MIT
/** The guest's RAM within the emulator's memory. */
import { usedRanges, type ByteRange } from '../../disks/sparse.js';
import { RigError } from '../../machine/errors.js';
import { PAGE_BYTES } from '../../machine/units.js';
import type { V86Cpu } from './internals.js';

export interface Ram {
  /** All of it; valid until the machine moves. */
  view(): Uint8Array;
  /** A copy, and where it is not zero. */
  capture(): { readonly memory: Uint8Array; readonly used: readonly ByteRange[] };
  /** All of it for a hash: the ranges that are not zero, then their contents. */
  hashParts(): Uint8Array[];
}

/** @throws RigError when the emulator's RAM is not `memoryMiB`. */
export function bindRam(cpu: V86Cpu, memoryMiB: number): Ram {
  const ramOffset = cpu.mem8.byteOffset;
  const ramBytes = memoryMiB * 2 ** 20;
  if (cpu.memory_size[0] !== ramBytes)
    throw new RigError(`v86 made ${String(cpu.memory_size[0])} bytes of RAM instead of ${ramBytes}`);

  const view = (): Uint8Array => new Uint8Array(cpu.wasm_memory.buffer, ramOffset, ramBytes);
  /** The ranges of RAM that are not zero, in bytes. Neighbouring pages are one range. */
  const used = (): ByteRange[] =>
    usedRanges(view(), (page) => cpu.is_memory_zeroed(page * PAGE_BYTES, PAGE_BYTES) !== 0);

  return {
    view,
    capture() {
      // Zero pages are not written, so they need no memory in the copy.
      const [ram, memory, ranges] = [view(), new Uint8Array(ramBytes), used()];
      for (const [from, to] of ranges) memory.set(ram.subarray(from, to), from);
      return { memory, used: ranges };
    },
    hashParts() {
      const [ram, ranges] = [view(), used()];
      const where = new Uint8Array(Float64Array.from(ranges.flat()).buffer);
      return [where, ...ranges.map(([from, to]) => ram.subarray(from, to))];
    },
  };
}
