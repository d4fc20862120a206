// SPDX-License-Identifier: MIT
/** Whose memory is it? Names a byte of guest RAM for people, as precisely as the kernel's own structures allow. */
import { GuestError } from '../machine/errors.js';
import { PAGE_BYTES, gpa, gpaOfPfn, pfn, type Gpa, type Pfn } from '../machine/units.js';
import { direct, kernelU32, physical, symbolGpa, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { mappings } from './pagetable.js';
import { pageReader, type PageReader, type PageState } from './pages.js';
import { nameAddress } from './symbols.js';
import { tasks, userMaps, type Task, type UserMaps } from './tasks.js';
import { readString, va, type Va } from './view.js';
import { buddyFree, zones } from './zones.js';

export interface OwnerNamer {
  /**
   * For example `init_task+0x1c`, `slab kmalloc-64, byte 12 of object 3`, `sh (pid 41) at 0x0804a010`.
   * @throws GuestError when the structures of the guest are damaged.
   */
  name(at: Gpa): string;
}

const VMALLOC_END = 2 ** 32;

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
  readonly tasks: readonly Task[];
  readonly user: UserMaps;
  readonly vmalloc: ReadonlyMap<Pfn, Va>;
  readonly image: { readonly start: Gpa; readonly end: Gpa };
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
    tasks: all,
    user: userMaps(kernel, all),
    vmalloc: vmallocFrames(kernel),
    image: { start: symbolGpa(kernel, '_text'), end: symbolGpa(kernel, '_end') },
  };
}

/** Frames that the kernel maps a second time, outside its direct mapping. */
function vmallocFrames(kernel: GuestKernel): Map<Pfn, Va> {
  const directEnd = constant(kernel.layout, 'PAGE_OFFSET') + kernel.memory.bytes.length;
  const found = new Map<Pfn, Va>();
  for (const { frame, address } of mappings(
    kernel.memory,
    symbolGpa(kernel, 'swapper_pg_dir'),
    va(directEnd),
    VMALLOC_END,
  )) {
    if (!found.has(frame)) found.set(frame, address);
  }
  return found;
}

function nameOwner(sources: Sources, at: Gpa): string {
  const { kernel } = sources;
  const frame = pfn(Math.floor(at / PAGE_BYTES));
  const offset = at % PAGE_BYTES;
  // Pages that the kernel has given back after its boot (init sections, early page tables) are ordinary memory.
  if (at >= sources.image.start && at < sources.image.end && sources.pages.state(frame).reserved) {
    return nameAddress(kernel.symbols, direct(kernel, at)) ?? 'kernel image';
  }
  if (!sources.spanned(frame)) return 'firmware or hole, no page of the kernel';
  if (sources.free[frame] === 1) return 'free page';

  const table = sources.user.tables.get(frame);
  if (table !== undefined)
    return `page table of ${taskName(table.task)} for ${hex(table.address)}, entry ${offset >>> 2}`;
  const stack = sources.tasks.find((task) => inStack(sources, task, direct(kernel, at)));
  if (stack !== undefined)
    return `kernel stack of ${taskName(stack)}, +0x${(direct(kernel, at) - stack.stack).toString(16)}`;

  const state = sources.pages.state(frame);
  const head = state.head === undefined ? undefined : sources.pages.state(state.head);
  if (state.type === 'slab' || head?.type === 'slab') return slabName(sources, at, state.head ?? frame);
  const descriptor = descriptorName(sources, at);
  if (descriptor !== undefined) return descriptor;

  const mapped = sources.user.byFrame.get(frame);
  const users = mapped
    ?.slice(0, 3)
    .map((user) => `${taskName(user.task)} at ${hex(va(user.address + offset))}`)
    .join(', ');
  const what = kindOf(sources, state);
  if (users !== undefined)
    return `${what === undefined ? '' : `${what}, `}${users}${mapped !== undefined && mapped.length > 3 ? `, ${mapped.length - 3} more` : ''}`;
  const mappedAt = sources.vmalloc.get(frame);
  if (mappedAt !== undefined) return `vmalloc ${hex(va(mappedAt + offset))}`;
  return what ?? `page of the kernel (flags 0x${state.flags.toString(16)}, ${state.references} references)`;
}

function inStack(sources: Sources, task: Task, address: Va): boolean {
  return address >= task.stack && address < task.stack + constant(sources.kernel.layout, 'THREAD_SIZE');
}

/** The object of a slab that a byte lies in; the first object begins at the first byte unless debugging leaves a gap. */
function slabName(sources: Sources, at: Gpa, head: Pfn): string {
  const { kernel, pages } = sources;
  const { layout } = kernel;
  const name = pages.state(head).slabCache;
  if (name === undefined) return `slab page ${head} that no cache has taken`;
  const cache = kernelU32(
    kernel,
    direct(kernel, gpa(pages.array.at + head * pages.array.descriptorBytes)) + constant(layout, 'slab.slab_cache'),
  );
  const sizeBytes = kernelU32(kernel, cache + constant(layout, 'kmem_cache.size'));
  const within = at - gpaOfPfn(head);
  return `slab ${name}, byte ${within % sizeBytes} of object ${Math.floor(within / sizeBytes)}`;
}

/** Bytes of mem_map itself are named by the page that they describe. */
function descriptorName(sources: Sources, at: Gpa): string | undefined {
  const { array } = sources.pages;
  const within = at - array.at;
  if (within < 0 || within >= sources.kernel.memory.pageCount * array.descriptorBytes) return undefined;
  return `mem_map: page descriptor of pfn ${Math.floor(within / array.descriptorBytes)}, +0x${(within % array.descriptorBytes).toString(16)}`;
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
  const number = kernelU32(kernel, file.inode + constant(layout, 'inode.i_ino'));
  const superblock = kernelU32(kernel, file.inode + constant(layout, 'inode.i_sb'));
  const device = readString(
    kernel.memory,
    gpa(physical(kernel, superblock) + constant(layout, 'super_block.s_id')),
    32,
  );
  // The inodes of block devices have the device's number for their own: 12 bits major, 20 bits minor.
  if (device === 'bdev') return `page cache of block device ${number >>> 20}:${number & 0xfffff}, page ${file.index}`;
  return `page cache of inode ${number} on ${device}, page ${file.index}`;
}

const taskName = (task: Task): string => `${task.comm} (pid ${task.pid})`;
const hex = (address: Va): string => `0x${address.toString(16).padStart(8, '0')}`;
