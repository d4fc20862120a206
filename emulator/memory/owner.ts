// SPDX-License-Identifier: MIT
/** Whose memory is it? Names a byte of guest RAM for people, as precisely as the kernel's own structures allow. */
import { GuestError } from '../machine/errors.js';
import { PAGE_BYTES, gpa, gpaOfPfn, pfn, pfnOfGpa, type Gpa, type Pfn } from '../machine/units.js';
import {
  inImage,
  kernelU32,
  kernelWord,
  perCpuArea,
  physical,
  physicalIfMapped,
  readWord,
  symbolGpa,
  type GuestKernel,
} from './kernel.js';
import { constant } from './layout.js';
import { mappings } from './pagetable.js';
import { pageReader, type PageReader, type PageState } from './pages.js';
import { nameAddress } from './symbols.js';
import { tasks, userMaps, type Task, type UserMaps } from './tasks.js';
import { hexVa, readString, va, type Va } from './view.js';
import { buddyFree, zones } from './zones.js';

export interface OwnerNamer {
  /**
   * For example `init_task+0x1c`, `slab kmalloc-64, byte 12 of object 3`, `sh (pid 41) at 0x0804a010`.
   * @throws GuestError when the structures of the guest are damaged.
   */
  name(at: Gpa): string;
}

/** Reads what naming needs (free lists, tasks, user page tables) once, at the first name asked for. */
export function ownerNamer(kernel: GuestKernel): OwnerNamer {
  let sources: Sources | GuestError | undefined;
  return {
    name: (at) => {
      sources ??= sourcesOrError(kernel);
      if (sources instanceof GuestError) throw sources;
      return nameOwner(sources, at);
    },
  };
}

/** A name for a finding. The finding is reported even if the structures of the guest are too damaged to name an owner. */
export function nameSafely(namer: OwnerNamer, at: Gpa): string {
  try {
    return namer.name(at);
  } catch (error) {
    if (error instanceof GuestError) return `unknown (${error.message})`;
    throw error;
  }
}

function sourcesOrError(kernel: GuestKernel): Sources | GuestError {
  try {
    return readSources(kernel);
  } catch (error) {
    if (error instanceof GuestError) return error;
    throw error;
  }
}

interface Sources {
  readonly kernel: GuestKernel;
  readonly pages: PageReader;
  readonly free: Uint8Array;
  readonly spanned: (frame: Pfn) => boolean;
  readonly user: UserMaps;
  /** Frames of kernel stacks, and how far from the lowest byte of the stack each begins. */
  readonly stacks: ReadonlyMap<Pfn, StackPage>;
  readonly vmalloc: ReadonlyMap<Pfn, Va>;
  readonly perCpu: readonly PerCpuArea[];
  readonly image: { readonly start: Gpa; readonly end: Gpa };
}

interface StackPage {
  readonly task: Task;
  readonly offset: number;
}

/** The variables of one processor, which System.map counts from `symbolsAt`. */
interface PerCpuArea {
  readonly processor: number;
  readonly start: Gpa;
  readonly end: Gpa;
  readonly symbolsAt: number;
}

function readSources(kernel: GuestKernel): Sources {
  const pages = pageReader(kernel);
  const all = tasks(kernel);
  const spans = zones(kernel);
  return {
    kernel,
    pages,
    free: buddyFree(kernel, pages.array),
    spanned: (frame) => spans.some((zone) => frame >= zone.startPfn && frame < zone.endPfn),
    user: userMaps(kernel, all),
    stacks: stackFrames(kernel, all),
    vmalloc: vmallocFrames(kernel),
    perCpu: perCpuAreas(kernel),
    image: { start: symbolGpa(kernel, '_text'), end: symbolGpa(kernel, '_end') },
  };
}

/** Kernel stacks lie in the direct mapping or in vmalloc's, where their pages are anywhere. */
function stackFrames(kernel: GuestKernel, all: readonly Task[]): Map<Pfn, StackPage> {
  const found = new Map<Pfn, StackPage>();
  for (const task of all) {
    for (let offset = 0; offset < constant(kernel.layout, 'THREAD_SIZE'); offset += PAGE_BYTES) {
      const at = physicalIfMapped(kernel, task.stack, offset);
      if (at !== undefined && !found.has(pfnOfGpa(at))) found.set(pfnOfGpa(at), { task, offset });
    }
  }
  return found;
}

/** Frames that the kernel maps a second time, outside its direct mapping and that of its image. */
function vmallocFrames(kernel: GuestKernel): Map<Pfn, Va> {
  const { memory, addressing, layout } = kernel;
  const directory = physical(kernel, addressing.directory);
  // i386 has all of them above its direct mapping. On x86-64, other ranges show memory as well, such as the shadow of KASAN.
  const [from, to] =
    addressing.wordBytes === 4
      ? [addressing.direct + memory.places.lengthBytes, 2 ** 32]
      : [constant(layout, 'VMALLOC_START'), constant(layout, 'VMALLOC_END')];
  const found = new Map<Pfn, Va>();
  for (const { frame, address } of mappings(memory, addressing.paging, directory, va(from), to)) {
    if (!found.has(frame)) found.set(frame, address);
  }
  return found;
}

function perCpuAreas(kernel: GuestKernel): PerCpuArea[] {
  const { layout } = kernel;
  if (perCpuArea(kernel, 0) === undefined) return [];
  const symbolsAt = constant(layout, '&__per_cpu_start');
  const lengthBytes = constant(layout, '&__per_cpu_end') - symbolsAt;
  return Array.from({ length: constant(layout, 'nr_cpu_ids') }, (_, processor) => {
    const start = physical(kernel, perCpuArea(kernel, processor) ?? 0, symbolsAt);
    return { processor, start, end: gpa(start + lengthBytes), symbolsAt };
  });
}

function nameOwner(sources: Sources, at: Gpa): string {
  const { kernel } = sources;
  const frame = pfn(Math.floor(at / PAGE_BYTES));
  const offset = at % PAGE_BYTES;
  // Pages that the kernel has given back after its boot (init sections, early page tables) are ordinary memory.
  if (at >= sources.image.start && at < sources.image.end && sources.pages.state(frame).reserved) {
    return nameAddress(kernel.symbols, inImage(kernel, at)) ?? 'kernel image';
  }
  if (!sources.spanned(frame)) return 'firmware or hole, no page of the kernel';
  if (sources.free[frame] === 1) return 'free page';

  const table = sources.user.tables.get(frame);
  if (table !== undefined)
    return `page table of ${taskName(table.task)} for ${hexVa(table.address)}, entry ${Math.floor(offset / kernel.addressing.paging.entryBytes)}`;
  const stack = sources.stacks.get(frame);
  if (stack !== undefined) return `kernel stack of ${taskName(stack.task)}, +0x${(stack.offset + offset).toString(16)}`;

  const state = sources.pages.state(frame);
  const head = state.head === undefined ? undefined : sources.pages.state(state.head);
  if (state.type === 'slab' || head?.type === 'slab') return slabName(sources, at, state.head ?? frame);
  const ofKernel = descriptorName(sources, at) ?? perCpuName(sources, at);
  if (ofKernel !== undefined) return ofKernel;

  const mapped = sources.user.byFrame.get(frame);
  const users = mapped
    ?.slice(0, 3)
    .map((user) => `${taskName(user.task)} at ${hexVa(user.address + offset)}`)
    .join(', ');
  const what = kindOf(sources, state);
  if (users !== undefined)
    return `${what === undefined ? '' : `${what}, `}${users}${mapped !== undefined && mapped.length > 3 ? `, ${mapped.length - 3} more` : ''}`;
  const mappedAt = sources.vmalloc.get(frame);
  if (mappedAt !== undefined) return `vmalloc ${hexVa(mappedAt + offset)}`;
  return what ?? `page of the kernel (flags 0x${state.flags.toString(16)}, ${state.references} references)`;
}

/** The object of a slab that a byte lies in; the first object begins at the first byte unless debugging leaves a gap. */
function slabName(sources: Sources, at: Gpa, head: Pfn): string {
  const { kernel, pages } = sources;
  const { layout } = kernel;
  const name = pages.state(head).slabCache;
  if (name === undefined) return `slab page ${head} that no cache has taken`;
  const pointer = pages.array.at(head, constant(layout, 'slab.slab_cache'));
  const cache = pointer === undefined ? 0 : readWord(kernel, pointer);
  const sizeBytes = kernelU32(kernel, cache, constant(layout, 'kmem_cache.size'));
  const within = at - gpaOfPfn(head);
  return `slab ${name}, byte ${within % sizeBytes} of object ${Math.floor(within / sizeBytes)}`;
}

/** Bytes of the descriptors themselves are named by the page that they describe. */
function descriptorName(sources: Sources, at: Gpa): string | undefined {
  const byte = sources.pages.array.byteAt(at);
  return byte && `mem_map: page descriptor of pfn ${byte.frame}, +0x${byte.offset.toString(16)}`;
}

/** `runqueues+0x10 of processor 1`. */
function perCpuName({ perCpu, kernel }: Sources, at: Gpa): string | undefined {
  const area = perCpu.find(({ start, end }) => at >= start && at < end);
  if (area === undefined) return undefined;
  const name = nameAddress(kernel.symbols, va(area.symbolsAt + at - area.start));
  return `${name ?? 'per-CPU variables'} of processor ${area.processor}`;
}

function kindOf(sources: Sources, state: PageState): string | undefined {
  if (state.type !== undefined) return state.type === 'table' ? 'page table' : `${state.type} page`;
  if (state.swapCache) return 'swap cache';
  if (state.anonymous) return 'anonymous memory';
  if (state.file !== undefined) return fileName(sources.kernel, state.file);
  if (state.reserved) return 'reserved at boot';
  if (state.head !== undefined)
    return `part of the compound page at pfn ${state.head}${compoundKind(sources, state.head)}`;
  return undefined;
}

/** What the first page of a compound page says of all of them. */
function compoundKind(sources: Sources, head: Pfn): string {
  const kind = kindOf(sources, { ...sources.pages.state(head), head: undefined });
  return kind === undefined ? '' : `, ${kind}`;
}

function fileName(kernel: GuestKernel, file: { readonly inode: number; readonly index: number }): string {
  if (file.inode === 0) return 'page cache without a file';
  const { layout } = kernel;
  const number = kernelWord(kernel, file.inode, constant(layout, 'inode.i_ino'));
  const superblock = kernelWord(kernel, file.inode, constant(layout, 'inode.i_sb'));
  const device = readString(kernel.memory, physical(kernel, superblock, constant(layout, 'super_block.s_id')), 32);
  // The inodes of block devices have the device's number for their own: 12 bits major, 20 bits minor.
  if (device === 'bdev') return `page cache of block device ${number >>> 20}:${number & 0xfffff}, page ${file.index}`;
  return `page cache of inode ${number} on ${device}, page ${file.index}`;
}

const taskName = (task: Task): string => `${task.comm} (pid ${task.pid})`;
