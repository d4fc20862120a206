// SPDX-License-Identifier: MIT
/** Finds the parts of the emulator's wasm memory that are not zero. */
import type { ByteRange } from '../../../disks/sparse.js';
import type { RestoreConfig } from '../../../machine/contract.js';
import { PAGE_BYTES } from '../../../machine/units.js';
import type { V86Cpu } from '../internals.js';

/**
 * v86's allocator asks the host for memory in whole pages of wasm memory, and leaves a footer at the end of what it got. That for guest RAM
 * ends within two such pages behind RAM.
 */
const FOOTER_BYTES = 2 * 65536;

/** The guest physical addresses at which v86 puts the kernel's protected-mode part and the initrd. */
const KERNEL_AT = 2 ** 20;
const INITRD_AT = 64 * 2 ** 20;

/**
 * Makes a test for zero pages of the emulator's memory. For pages in guest RAM it uses v86's own test, which is fast.
 */
export function wasmZeroTest(cpu: V86Cpu, { memoryMiB }: RestoreConfig): (page: number) => boolean {
  const words = new Int32Array(cpu.wasm_memory.buffer);
  const ramOffset = cpu.mem8.byteOffset;
  const ramEnd = ramOffset + memoryMiB * 2 ** 20;
  return (page) => {
    const at = page * PAGE_BYTES;
    if (at >= ramOffset && at + PAGE_BYTES <= ramEnd) return cpu.is_memory_zeroed(at - ramOffset, PAGE_BYTES) !== 0;
    for (let word = at / 4; word < (at + PAGE_BYTES) / 4; word++) if (words[word] !== 0) return false;
    return true;
  };
}

/**
 * The ranges of a fresh emulator's memory that can be other than zero: everything outside guest RAM and the memory for pictures, the
 * beginning of the latter, and in RAM the firmware, and the kernel and the initrd if it has them.
 */
export function usedWhenFresh(cpu: V86Cpu, { memoryMiB, kernel, initrd }: RestoreConfig): ByteRange[] {
  const ramOffset = cpu.mem8.byteOffset;
  const ramBytes = memoryMiB * 2 ** 20;
  const { byteOffset: picturesAt, byteLength: picturesBytes } = cpu.devices.vga.svga_memory;
  const pages = (from: number, to: number): ByteRange => [
    Math.floor(from / PAGE_BYTES) * PAGE_BYTES,
    Math.ceil(to / PAGE_BYTES) * PAGE_BYTES,
  ];
  return [
    pages(0, ramOffset + KERNEL_AT + (kernel?.length ?? 0)),
    pages(ramOffset + INITRD_AT, ramOffset + Math.min(INITRD_AT + (initrd?.length ?? 0), ramBytes)),
    pages(ramOffset + ramBytes, picturesAt + FOOTER_BYTES),
    pages(picturesAt + picturesBytes, cpu.wasm_memory.buffer.byteLength),
  ];
}
