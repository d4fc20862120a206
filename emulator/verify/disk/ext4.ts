// SPDX-License-Identifier: MIT
/**
 * Reads ext2, ext3 and ext4 far enough to say what a block is for: which file and which part of it, or which piece of
 * the filesystem's own structures; and what a file holds. Nothing is written, no checksum is checked: the host's e2fsck does that.
 */
import type { SectorRange } from '../../disks/diff.js';
import { GuestError } from '../../machine/errors.js';
import { SECTOR_BYTES, sector } from '../../machine/units.js';
import { readChecked, type ByteSource } from '../source.js';

export interface Ext4 {
  /**
   * What lies at a byte of the volume, for people: `/etc/passwd, byte 4096`, `inode 12 (/bin/sh)`, `journal`. At the first byte of a
   * sector, all inodes of that.
   */
  describe(offsetBytes: number): string;
  /** Path of an inode, if a directory names it. */
  pathOf(inode: number): string | undefined;
  /** The contents of the regular file at a path; undefined when there is none. */
  file(path: string): ByteSource | undefined;
  /**
   * Where in the volume these contents lie, in the order of the file. Holes are left out, and so is what lies in blocks behind the
   * last sector. Undefined when there is no regular file at the path.
   */
  sectorsOf(path: string): readonly SectorRange[] | undefined;
}

const SUPERBLOCK = 1024;
const ROOT_INODE = 2;
const RESIZE_INODE = 7;
const JOURNAL_INODE = 8;
const EXTENTS_FLAG = 0x80000;
const INLINE_DATA_FLAG = 0x10000000;
const EXTENT_MAGIC = 0xf30a;
const TYPE_MASK = 0xf000;
const TYPE_DIRECTORY = 0x4000;
const TYPE_REGULAR = 0x8000;
const TYPE_LINK = 0xa000;
const FAST_LINK_BYTES_MAX = 60;
const INCOMPAT_64BIT = 0x80;
const DIRECT_BLOCKS = 12;

interface Geometry {
  readonly volume: ByteSource;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly inodeBytes: number;
  readonly groups: number;
  readonly descriptorBytes: number;
  readonly reservedDescriptorBlocks: number;
}

/** A run of blocks that belongs to an inode. */
interface Run {
  readonly start: number;
  readonly count: number;
  readonly inode: number;
  /** Block of the file at which the run begins; undefined for the inode's own mapping blocks and attributes. */
  readonly fileBlock: number | undefined;
}

interface Inode {
  readonly number: number;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly flags: number;
  readonly block: DataView;
  readonly attributesBlock: number;
}

/** Throws GuestError when the superblock makes no sense. The tree is walked at the first question. */
export function readExt4(volume: ByteSource): Ext4 {
  const geometry = readGeometry(volume);
  let index: Index | undefined;
  const get = (): Index => (index ??= buildIndex(geometry));
  return {
    describe: (offset) => describe(geometry, get(), offset),
    pathOf: (inode) => get().paths.get(inode),
    file: (path) => fileAt(geometry, get(), path),
    sectorsOf: (path) => sectorsAt(geometry, get(), path),
  };
}

function readGeometry(volume: ByteSource): Geometry {
  const bytes = readChecked(volume, SUPERBLOCK, 1024, 'the superblock');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => view.getUint32(at, true);
  const u16 = (at: number): number => view.getUint16(at, true);
  const is64 = (u32(96) & INCOMPAT_64BIT) !== 0;
  const blockBytes = 1024 * 2 ** u32(24);
  const blocks = u32(4) + (is64 ? u32(336) * 2 ** 32 : 0);
  const blocksPerGroup = u32(32);
  const firstDataBlock = u32(20);
  if (u16(56) !== 0xef53 || blockBytes > 65536 || blocksPerGroup === 0 || u32(40) === 0) {
    throw new GuestError('the superblock of the ext4 filesystem makes no sense');
  }
  return {
    volume,
    blockBytes,
    blocks,
    firstDataBlock,
    blocksPerGroup,
    inodesPerGroup: u32(40),
    inodeBytes: u32(76) === 0 ? 128 : u16(88),
    groups: Math.ceil((blocks - firstDataBlock) / blocksPerGroup),
    descriptorBytes: is64 ? u16(254) : 32,
    reservedDescriptorBlocks: u16(206),
  };
}

interface Group {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
}

interface Index {
  readonly groups: readonly Group[];
  /** Sorted by start. */
  readonly runs: readonly Run[];
  readonly paths: ReadonlyMap<number, string>;
  readonly inodes: ReadonlyMap<number, Inode>;
}

const block = (g: Geometry, number: number, what: string): Uint8Array =>
  readChecked(g.volume, number * g.blockBytes, g.blockBytes, what);

function buildIndex(g: Geometry): Index {
  const groups = readGroups(g);
  const inodes = [...allInodes(g, groups)];
  const runs = inodes.flatMap((inode) => runsOf(g, inode)).sort((a, b) => a.start - b.start);
  return { groups, runs, paths: readPaths(g, inodes), inodes: new Map(inodes.map((inode) => [inode.number, inode])) };
}

function readGroups(g: Geometry): Group[] {
  const table = readChecked(
    g.volume,
    (g.firstDataBlock + 1) * g.blockBytes,
    g.groups * g.descriptorBytes,
    'the group descriptors',
  );
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return Array.from({ length: g.groups }, (_, i) => {
    const at = i * g.descriptorBytes;
    const wide = (low: number, high: number): number =>
      view.getUint32(at + low, true) + (g.descriptorBytes >= 64 ? view.getUint32(at + high, true) * 2 ** 32 : 0);
    return { blockBitmap: wide(0, 32), inodeBitmap: wide(4, 36), inodeTable: wide(8, 40) };
  });
}

/** Inodes that are in use: a mode is set, and something links to them or they are the filesystem's own. */
function* allInodes(g: Geometry, groups: readonly Group[]): Generator<Inode> {
  for (const [index, group] of groups.entries()) {
    const table = readChecked(
      g.volume,
      group.inodeTable * g.blockBytes,
      g.inodesPerGroup * g.inodeBytes,
      `the inode table of group ${index}`,
    );
    for (let i = 0; i < g.inodesPerGroup; i++) {
      const view = new DataView(table.buffer, table.byteOffset + i * g.inodeBytes, g.inodeBytes);
      const number = index * g.inodesPerGroup + i + 1;
      const mode = view.getUint16(0, true);
      const own = number === RESIZE_INODE || number === JOURNAL_INODE;
      if (mode === 0 || (view.getUint16(26, true) === 0 && !own)) continue;
      yield {
        number,
        mode,
        sizeBytes: view.getUint32(4, true) + view.getUint32(108, true) * 2 ** 32,
        flags: view.getUint32(32, true),
        block: new DataView(view.buffer, view.byteOffset + 40, 60),
        attributesBlock: view.getUint32(104, true) + view.getUint16(118, true) * 2 ** 32,
      };
    }
  }
}

function runsOf(g: Geometry, inode: Inode): Run[] {
  const runs: Run[] = [];
  if (inode.attributesBlock !== 0)
    runs.push({ start: inode.attributesBlock, count: 1, inode: inode.number, fileBlock: undefined });
  const type = inode.mode & TYPE_MASK;
  const shortLink = type === TYPE_LINK && inode.sizeBytes < FAST_LINK_BYTES_MAX;
  const holdsBlocks = type === TYPE_REGULAR || type === TYPE_DIRECTORY || type === TYPE_LINK || type === 0;
  if (!holdsBlocks || shortLink || (inode.flags & INLINE_DATA_FLAG) !== 0) return runs;
  if ((inode.flags & EXTENTS_FLAG) !== 0) extentRuns(g, inode.number, inode.block, 0, runs);
  else mappedRuns(g, inode, runs);
  return runs;
}

const EXTENT_DEPTH_MAX = 5;

function extentRuns(g: Geometry, inode: number, node: DataView, level: number, runs: Run[]): void {
  if (node.getUint16(0, true) !== EXTENT_MAGIC || level > EXTENT_DEPTH_MAX) return;
  const entries = node.getUint16(2, true);
  const depth = node.getUint16(6, true);
  for (let i = 0; i < entries && 12 * (i + 2) <= node.byteLength; i++) {
    const at = 12 * (i + 1);
    const fileBlock = node.getUint32(at, true);
    if (depth === 0) {
      const length = node.getUint16(at + 4, true);
      const start = node.getUint16(at + 6, true) * 2 ** 32 + node.getUint32(at + 8, true);
      // Above 32,768 the extent is allocated but not yet written.
      runs.push({ start, count: length > 32768 ? length - 32768 : length, inode, fileBlock });
    } else {
      const child = node.getUint32(at + 4, true) + node.getUint16(at + 8, true) * 2 ** 32;
      runs.push({ start: child, count: 1, inode, fileBlock: undefined });
      const bytes = block(g, child, `an extent of inode ${inode}`);
      extentRuns(g, inode, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), level + 1, runs);
    }
  }
}

/** ext2's way: 12 direct blocks, then one, two and three levels of indirection. */
function mappedRuns(g: Geometry, inode: Inode, runs: Run[]): void {
  let fileBlock = 0;
  const perBlock = g.blockBytes / 4;
  const visit = (number: number, depth: number): void => {
    const span = perBlock ** depth;
    if (number === 0) {
      fileBlock += span;
    } else if (depth === 0) {
      runs.push({ start: number, count: 1, inode: inode.number, fileBlock: fileBlock++ });
    } else {
      runs.push({ start: number, count: 1, inode: inode.number, fileBlock: undefined });
      const bytes = block(g, number, `an indirect block of inode ${inode.number}`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0; i < perBlock; i++) visit(view.getUint32(4 * i, true), depth - 1);
    }
  };
  for (let i = 0; i < DIRECT_BLOCKS; i++) visit(inode.block.getUint32(4 * i, true), 0);
  for (let depth = 1; depth <= 3; depth++) visit(inode.block.getUint32(4 * (DIRECT_BLOCKS + depth - 1), true), depth);
}

/** Names every inode that a directory leads to; the first name found wins. */
function readPaths(g: Geometry, inodes: readonly Inode[]): Map<number, string> {
  const byNumber = new Map(inodes.map((inode) => [inode.number, inode]));
  const paths = new Map<number, string>([[ROOT_INODE, '/']]);
  const queue = [ROOT_INODE];
  for (let number = queue.shift(); number !== undefined; number = queue.shift()) {
    const directory = byNumber.get(number);
    const parent = paths.get(number);
    if (directory === undefined || parent === undefined) continue;
    for (const entry of directoryEntries(g, directory)) {
      if (paths.has(entry.inode)) continue;
      paths.set(entry.inode, parent === '/' ? `/${entry.name}` : `${parent}/${entry.name}`);
      if (((byNumber.get(entry.inode)?.mode ?? 0) & TYPE_MASK) === TYPE_DIRECTORY) queue.push(entry.inode);
    }
  }
  return paths;
}

/** Blocks of an indexed directory's tree look like unused entries to this, as ext4 intends. */
function* directoryEntries(
  g: Geometry,
  directory: Inode,
): Generator<{ readonly inode: number; readonly name: string }> {
  const decoder = new TextDecoder();
  for (const run of runsOf(g, directory)) {
    if (run.fileBlock === undefined) continue;
    for (let i = 0; i < run.count; i++) {
      const bytes = block(g, run.start + i, `directory inode ${directory.number}`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at + 8 <= bytes.length;) {
        const inode = view.getUint32(at, true);
        const length = view.getUint16(at + 4, true);
        const name = decoder.decode(bytes.subarray(at + 8, at + 8 + view.getUint8(at + 6)));
        if (inode !== 0 && name !== '' && name !== '.' && name !== '..') yield { inode, name };
        if (length < 8) break;
        at += length;
      }
    }
  }
}

function regularFile(index: Index, path: string): Inode | undefined {
  const number = [...index.paths].find(([, name]) => name === path)?.[0];
  const inode = number === undefined ? undefined : index.inodes.get(number);
  return inode !== undefined && (inode.mode & TYPE_MASK) === TYPE_REGULAR ? inode : undefined;
}

/** Bytes `from` to `to` of a file lie in the volume from byte `at` on. */
interface Extent {
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

const extentsOf = (g: Geometry, inode: Inode): readonly Extent[] =>
  runsOf(g, inode).flatMap(({ start, count, fileBlock }) =>
    fileBlock === undefined
      ? []
      : [{ from: fileBlock * g.blockBytes, to: (fileBlock + count) * g.blockBytes, at: start * g.blockBytes }],
  );

function sectorsAt(g: Geometry, index: Index, path: string): readonly SectorRange[] | undefined {
  const inode = regularFile(index, path);
  return (
    inode &&
    extentsOf(g, inode).flatMap(({ from, to, at }) => {
      const count = Math.ceil((Math.min(to, inode.sizeBytes) - from) / SECTOR_BYTES);
      return count > 0 ? [{ start: sector(at / SECTOR_BYTES), count }] : [];
    })
  );
}

function fileAt(g: Geometry, index: Index, path: string): ByteSource | undefined {
  const inode = regularFile(index, path);
  if (inode === undefined) return undefined;
  const extents = extentsOf(g, inode);
  // What no extent covers is a hole, which reads as zeros.
  const read = (offset: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (const { from, to, at } of extents) {
      const [first, end] = [Math.max(from, offset), Math.min(to, offset + length)];
      if (first < end)
        bytes.set(readChecked(g.volume, at + first - from, end - first, `an extent of ${path}`), first - offset);
    }
    return bytes;
  };
  return { byteLength: inode.sizeBytes, read };
}

function describe(g: Geometry, index: Index, offsetBytes: number): string {
  if (offsetBytes >= SUPERBLOCK && offsetBytes < SUPERBLOCK + 1024) return 'superblock';
  const number = Math.floor(offsetBytes / g.blockBytes);
  const run = runAt(index.runs, number);
  if (run !== undefined) return nameRun(g, index, run, number, offsetBytes);
  return nameMetadata(g, index, number, offsetBytes) ?? `free block ${number}`;
}

function runAt(runs: readonly Run[], number: number): Run | undefined {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle] as Run).start <= number) low = middle + 1;
    else high = middle;
  }
  const run = runs[low - 1];
  return run !== undefined && number < run.start + run.count ? run : undefined;
}

function nameRun(g: Geometry, index: Index, run: Run, number: number, offsetBytes: number): string {
  if (run.inode === JOURNAL_INODE) return 'journal';
  if (run.inode === RESIZE_INODE) return 'reserved group descriptors';
  const path = index.paths.get(run.inode) ?? `inode ${run.inode}, which no directory names`;
  if (run.fileBlock === undefined) return `${path}, its map or attributes`;
  return `${path}, byte ${(run.fileBlock + number - run.start) * g.blockBytes + (offsetBytes % g.blockBytes)}`;
}

/** At the beginning of a sector, all that have a name in it: any of them may be meant. */
function nameInodes(g: Geometry, index: Index, first: number, offsetBytes: number): string {
  const count = offsetBytes % SECTOR_BYTES === 0 ? Math.ceil(SECTOR_BYTES / g.inodeBytes) : 1;
  const named = Array.from({ length: count }, (_, more) => first + more).flatMap((inode) => {
    const path = index.paths.get(inode);
    return path === undefined ? [] : [`${inode} (${path})`];
  });
  return `inode ${named.length === 0 ? first : named.join(' or ')}`;
}

function nameMetadata(g: Geometry, index: Index, number: number, offsetBytes: number): string | undefined {
  const tableBlocks = Math.ceil((g.inodesPerGroup * g.inodeBytes) / g.blockBytes);
  for (const [i, group] of index.groups.entries()) {
    if (number === group.blockBitmap) return `block bitmap of group ${i}`;
    if (number === group.inodeBitmap) return `inode bitmap of group ${i}`;
    if (number >= group.inodeTable && number < group.inodeTable + tableBlocks) {
      const tableOffset = offsetBytes - group.inodeTable * g.blockBytes;
      return nameInodes(g, index, i * g.inodesPerGroup + Math.floor(tableOffset / g.inodeBytes) + 1, offsetBytes);
    }
  }
  const descriptorBlocks = Math.ceil((g.groups * g.descriptorBytes) / g.blockBytes) + g.reservedDescriptorBlocks;
  if (number >= g.firstDataBlock && number <= g.firstDataBlock + descriptorBlocks)
    return 'superblock or group descriptors';
  return undefined;
}
