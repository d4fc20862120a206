// SPDX-License-Identifier: MIT
/**
 * A guest kernel in a capture: its memory, its symbols and the layout of its structures. Everything else is read by
 * these, whether the kernel has 32 or 64 bits.
 */
import { GuestError, RigError } from '../machine/errors.js';
import type { MarkerSeen } from '../machine/contract.js';
import { ramEnd } from '../machine/ram.js';
import { gpa, type Gpa } from '../machine/units.js';
import { constant, layoutPlace, parseLayout, type KernelLayout } from './layout.js';
import { translate, type Paging } from './pagetable.js';
import { addressOf, shifted, type SymbolTable } from './symbols.js';
import { hexVa, joinWord, offsetOf, readI64, readU32, va, type GuestMemory, type Va } from './view.js';

export interface GuestKernel {
  readonly memory: GuestMemory;
  /** Where they are at run time, also when the kernel has chosen its place at random. */
  readonly symbols: SymbolTable;
  readonly layout: KernelLayout;
  readonly addressing: Addressing;
}

/** How a kernel uses addresses. */
export interface Addressing {
  /** Size of a pointer and of a long. */
  readonly wordBytes: 4 | 8;
  readonly paging: Paging;
  /** Where the direct mapping of all RAM begins. */
  readonly direct: Va;
  /** The second mapping, in which the image of an x86-64 kernel runs. */
  readonly image: { readonly start: number; readonly end: number; readonly physicalStart: number } | undefined;
  /** The kernel's own page directory. */
  readonly directory: Va;
}

/** `systemMap`: symbols where the linker has put them. Throws RigError when the table lacks an entry or names no known machine. */
export function guestKernel(memory: GuestMemory, systemMap: SymbolTable, layout: KernelLayout): GuestKernel {
  const movedBytes = constant(layout, '&_text') - addressOf(systemMap, '_text');
  return {
    memory,
    symbols: movedBytes === 0 ? systemMap : shifted(systemMap, movedBytes),
    layout,
    addressing: addressingOf(layout),
  };
}

/** The kernel in a capture, by the layout table that it has announced with the marker `layout`. Throws as {@link guestKernel}. */
export function announcedKernel(
  memory: GuestMemory,
  systemMap: SymbolTable,
  layout: Pick<MarkerSeen, 'word0' | 'word1'>,
): GuestKernel {
  const { at, lengthBytes } = layoutPlace(layout);
  const offset = offsetOf(memory, at, lengthBytes);
  return guestKernel(memory, systemMap, parseLayout(memory.bytes.subarray(offset, offset + lengthBytes)));
}

function addressingOf(layout: KernelLayout): Addressing {
  const at = (name: string): number => constant(layout, name);
  const [bits, levels] = [at('bits'), at('CONFIG_PGTABLE_LEVELS')];
  const direct = va(at('PAGE_OFFSET'));
  const directory = va(at('&swapper_pg_dir'));
  if (bits === 32 && levels === 2)
    return { wordBytes: 4, paging: { levels, entryBytes: 4 }, direct, directory, image: undefined };
  if (bits === 32 && levels === 3)
    return { wordBytes: 4, paging: { levels, entryBytes: 8 }, direct, directory, image: undefined };
  if (bits !== 64 || (levels !== 4 && levels !== 5))
    throw new RigError(`a kernel of ${bits} bits with ${levels} levels of page tables is not known here`);
  const start = at('__START_KERNEL_map');
  return {
    wordBytes: 8,
    paging: { levels, entryBytes: 8 },
    direct,
    directory,
    image: { start, end: at('&_end'), physicalStart: at('phys_base') },
  };
}

/**
 * Physical address of `offsetBytes` after a kernel address: in the direct mapping, in the mapping of the kernel image, or
 * where the kernel's page tables lead. Throws GuestError when they lead nowhere.
 */
export function physical(kernel: GuestKernel, address: number, offsetBytes = 0): Gpa {
  const at = physicalIfMapped(kernel, address, offsetBytes);
  if (at === undefined)
    throw new GuestError(
      `a kernel structure leads to ${Number.isNaN(address) ? 'an address that is none' : `the address ${hexVa(address)}, which the kernel does not map`}`,
      {
        remedy:
          'check that kernel, System.map and capture belong together; if they do, the guest has corrupted its memory',
      },
    );
  return at;
}

/** The same, but undefined for an address that the kernel does not map. */
export function physicalIfMapped(kernel: GuestKernel, address: number, offsetBytes = 0): Gpa | undefined {
  const { addressing, memory } = kernel;
  const inDirect = linear(kernel, address);
  if (inDirect !== undefined) return gpa(inDirect + offsetBytes);
  const directory = linear(kernel, addressing.directory);
  // It lies in the kernel image, so this asks no page table.
  if (directory === undefined) return undefined;
  return translate(memory, addressing.paging, gpa(directory), va(address + offsetBytes));
}

/** Physical address by the mappings that are linear; undefined elsewhere. */
function linear({ addressing, memory }: GuestKernel, address: number): number | undefined {
  const inDirect = address - addressing.direct;
  if (inDirect >= 0 && inDirect < ramEnd(memory.places)) return inDirect;
  const { image } = addressing;
  if (image !== undefined && address >= image.start && address < image.end)
    return address - image.start + image.physicalStart;
  return undefined;
}

/** The address at which the kernel's direct mapping shows `at`. */
export function direct(kernel: GuestKernel, at: Gpa): Va {
  return va(at + kernel.addressing.direct);
}

/** The address that symbols give for `at`, a place in the kernel image. */
export function inImage(kernel: GuestKernel, at: Gpa): Va {
  const { image } = kernel.addressing;
  return image === undefined ? direct(kernel, at) : va(at - image.physicalStart + image.start);
}

/** Reads 32 bits at `offsetBytes` after a kernel address. */
export function kernelU32(kernel: GuestKernel, address: number, offsetBytes = 0): number {
  return readU32(kernel.memory, physical(kernel, address, offsetBytes));
}

/** Reads a pointer or a long at `offsetBytes` after a kernel address: {@link Va} tells how. */
export function kernelWord(kernel: GuestKernel, address: number, offsetBytes = 0): number {
  return readWord(kernel, physical(kernel, address, offsetBytes));
}

/** Reads a pointer or a long at a physical address. */
export function readWord({ memory, addressing }: GuestKernel, at: Gpa): number {
  return addressing.wordBytes === 4 ? readU32(memory, at) : readI64(memory, at);
}

/** A pointer whose low bits carry something else, without them. */
export function readPointer(kernel: GuestKernel, at: Gpa, lowBits: number): number {
  const { memory, addressing } = kernel;
  const low = readU32(memory, at) & ~lowBits;
  return addressing.wordBytes === 4 ? low >>> 0 : joinWord(low >>> 0, readU32(memory, gpa(at + 4)) | 0);
}

/** Physical address of a symbol of the kernel image. */
export function symbolGpa(kernel: GuestKernel, name: string): Gpa {
  return physical(kernel, addressOf(kernel.symbols, name));
}

/** Value of a 32-bit variable of the kernel. */
export function variable(kernel: GuestKernel, name: string): number {
  return readU32(kernel.memory, symbolGpa(kernel, name));
}

/** Value of a variable of the kernel that is a pointer or a long. */
export function wordVariable(kernel: GuestKernel, name: string): number {
  return readWord(kernel, symbolGpa(kernel, name));
}

/** Physical address of a per-CPU variable, from what the kernel or System.map gives for its address. */
export function perCpuGpa(kernel: GuestKernel, address: number, processor: number): Gpa {
  const area = perCpuArea(kernel, processor);
  return area === undefined ? physical(kernel, address) : physical(kernel, area, address);
}

/** Where the per-CPU variables of a processor lie; undefined in a kernel for one processor, which has them as ordinary ones. */
export function perCpuArea(kernel: GuestKernel, processor: number): Va | undefined {
  const offsets = kernel.layout.values.get('&__per_cpu_offset');
  return offsets === undefined ? undefined : va(kernelWord(kernel, offsets, kernel.addressing.wordBytes * processor));
}

/**
 * The nodes of a `struct list_head` list, without its head. Bounded by the pages of RAM times the
 * list nodes that fit in one, so that a corrupted list ends.
 */
export function* listNodes(kernel: GuestKernel, head: number): Generator<Va> {
  const nodesMax = kernel.memory.bytes.length / 8;
  let node = kernelWord(kernel, head);
  for (let i = 0; node !== head && i < nodesMax; i++) {
    yield va(node);
    node = kernelWord(kernel, node);
  }
}
