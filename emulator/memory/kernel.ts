// SPDX-License-Identifier: MIT
/**
 * A guest kernel in a capture: its memory, its symbols and the layout of its structures. Everything else is read by
 * these.
 */
import { gpa, type Gpa } from '../machine/units.js';
import { constant, type KernelLayout } from './layout.js';
import { addressOf, type SymbolTable } from './symbols.js';
import { readU32, va, type GuestMemory, type Va } from './view.js';

export interface GuestKernel {
  readonly memory: GuestMemory;
  readonly symbols: SymbolTable;
  readonly layout: KernelLayout;
}

/** Physical address of a kernel address in the direct mapping (all of RAM: the guest has no highmem). */
export function physical(kernel: GuestKernel, address: number): Gpa {
  return gpa((address >>> 0) - constant(kernel.layout, 'PAGE_OFFSET'));
}

/** The address at which the kernel's direct mapping shows `at`. */
export function direct(kernel: GuestKernel, at: Gpa): Va {
  return va(at + constant(kernel.layout, 'PAGE_OFFSET'));
}

/** Reads 32 bits at a kernel address. */
export function kernelU32(kernel: GuestKernel, address: number): number {
  return readU32(kernel.memory, physical(kernel, address));
}

/** Physical address of a symbol of the kernel image. */
export function symbolGpa(kernel: GuestKernel, name: string): Gpa {
  return physical(kernel, addressOf(kernel.symbols, name));
}

/** Value of a 32-bit variable of the kernel. */
export function variable(kernel: GuestKernel, name: string): number {
  return readU32(kernel.memory, symbolGpa(kernel, name));
}

/**
 * The nodes of a `struct list_head` list, without its head. Bounded by the pages of RAM times the
 * list nodes that fit in one, so that a corrupted list ends.
 */
export function* listNodes(kernel: GuestKernel, head: number): Generator<Va> {
  const nodesMax = kernel.memory.bytes.length / 8;
  let node = kernelU32(kernel, head);
  for (let i = 0; node !== head >>> 0 && i < nodesMax; i++) {
    yield va(node);
    node = kernelU32(kernel, node);
  }
}
