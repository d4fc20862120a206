// SPDX-License-Identifier: MIT
/** Partition tables (MBR and GPT) and the filesystems behind them, by their magic numbers. */
import { SECTOR_BYTES } from '../../machine/units.js';
import { slice, type ByteSource } from '../source.js';

/** `jbd2`: the journal of an ext3 or ext4 filesystem that is elsewhere. */
export type Filesystem = 'ext2' | 'ext3' | 'ext4' | 'jbd2' | 'xfs' | 'btrfs' | 'f2fs' | 'vfat' | 'swap' | 'unknown';

export interface Volume {
  /** `sda` for a disk without partitions, else `sdb1`. */
  readonly device: string;
  readonly startSector: number;
  readonly sectors: number;
  readonly filesystem: Filesystem;
}

const MBR = { entries: 446, entryBytes: 16, count: 4, signature: 510 } as const;
const TYPE_PROTECTIVE = 0xee;
const TYPES_EXTENDED: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
const LOGICAL_MAX = 60;
const GPT_PARTITIONS_MAX = 1024;

/** The volumes of a disk: its partitions, or the whole disk when it has none. `device` is the disk's name. */
export function volumes(disk: ByteSource, device: string): Volume[] {
  const whole: Volume = {
    device,
    startSector: 0,
    sectors: disk.byteLength / SECTOR_BYTES,
    filesystem: filesystemOf(disk),
  };
  // A filesystem may leave a boot sector with a valid signature in front of it (vfat does): it wins.
  if (whole.filesystem !== 'unknown') return [whole];
  const found = partitions(disk);
  if (found.length === 0) return [whole];
  return found.map(({ number, startSector, sectors }) => ({
    device: `${device}${number}`,
    startSector,
    sectors,
    filesystem: filesystemOf(slice(disk, startSector * SECTOR_BYTES, sectors * SECTOR_BYTES)),
  }));
}

interface Partition {
  readonly number: number;
  readonly startSector: number;
  readonly sectors: number;
}

function partitions(disk: ByteSource): Partition[] {
  const table = readTable(disk, 0);
  if (table === undefined) return [];
  if (table.some((entry) => entry.type === TYPE_PROTECTIVE)) return gptPartitions(disk);
  const sizeSectors = disk.byteLength / SECTOR_BYTES;
  return table
    .flatMap((entry, index) => {
      if (entry.type === 0 || entry.sectors === 0) return [];
      if (TYPES_EXTENDED.has(entry.type)) return logicalPartitions(disk, entry.startSector);
      return [{ number: index + 1, startSector: entry.startSector, sectors: entry.sectors }];
    })
    .filter((entry) => entry.startSector + entry.sectors <= sizeSectors);
}

interface TableEntry {
  readonly type: number;
  readonly startSector: number;
  readonly sectors: number;
}

function readTable(disk: ByteSource, sector: number): TableEntry[] | undefined {
  if ((sector + 1) * SECTOR_BYTES > disk.byteLength) return undefined;
  const bytes = disk.read(sector * SECTOR_BYTES, SECTOR_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(MBR.signature, true) !== 0xaa55) return undefined;
  return Array.from({ length: MBR.count }, (_, i) => {
    const at = MBR.entries + i * MBR.entryBytes;
    return {
      type: view.getUint8(at + 4),
      startSector: view.getUint32(at + 8, true),
      sectors: view.getUint32(at + 12, true),
    };
  });
}

/** A chain of tables, each with one logical partition and the way to the next; both count from different places. */
function logicalPartitions(disk: ByteSource, extendedStart: number): Partition[] {
  const found: Partition[] = [];
  for (let at = extendedStart; found.length < LOGICAL_MAX;) {
    const [own, next] = readTable(disk, at) ?? [];
    if (own !== undefined && own.type !== 0)
      found.push({ number: 5 + found.length, startSector: at + own.startSector, sectors: own.sectors });
    if (next === undefined || !TYPES_EXTENDED.has(next.type) || next.startSector === 0) break;
    at = extendedStart + next.startSector;
  }
  return found;
}

function gptPartitions(disk: ByteSource): Partition[] {
  const header = disk.read(SECTOR_BYTES, SECTOR_BYTES);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (String.fromCharCode(...header.subarray(0, 8)) !== 'EFI PART') return [];
  const wide = (of: DataView, at: number): number => of.getUint32(at, true) + of.getUint32(at + 4, true) * 2 ** 32;
  const first = wide(view, 72) * SECTOR_BYTES;
  const count = Math.min(view.getUint32(80, true), GPT_PARTITIONS_MAX);
  const entryBytes = view.getUint32(84, true);
  if (first + count * entryBytes > disk.byteLength) return [];
  const entries = disk.read(first, count * entryBytes);
  const found: Partition[] = [];
  for (let i = 0; i < count; i++) {
    const entry = new DataView(entries.buffer, entries.byteOffset + i * entryBytes, entryBytes);
    const unused = Array.from({ length: 4 }, (_, word) => entry.getUint32(4 * word, true)).every((word) => word === 0);
    const start = wide(entry, 32);
    const last = wide(entry, 40);
    if (!unused && last >= start && (last + 1) * SECTOR_BYTES <= disk.byteLength)
      found.push({ number: i + 1, startSector: start, sectors: last - start + 1 });
  }
  return found;
}

const EXT = {
  magic: 1024 + 56,
  compatible: 1024 + 92,
  incompatible: 1024 + 96,
  readOnlyCompatible: 1024 + 100,
} as const;
const EXT_HAS_JOURNAL = 0x4;
const EXT_JOURNAL_DEVICE = 0x8;
/** Features that only ext4 has: extents, 64bit, flex_bg, mmp, metadata checksums in incompat; huge_file, gdt_csum, dir_nlink, extra_isize, metadata_csum. */
const EXT4_INCOMPATIBLE = 0x40 | 0x80 | 0x100 | 0x200 | 0x2000;
const EXT4_READ_ONLY = 0x8 | 0x10 | 0x20 | 0x40 | 0x400;

/** Which filesystem a volume holds, told by the magic of its superblock. */
export function filesystemOf(volume: ByteSource): Filesystem {
  const magic = (at: number, text: string): boolean =>
    at + text.length <= volume.byteLength && String.fromCharCode(...volume.read(at, text.length)) === text;
  const word = (at: number): number => {
    if (at + 4 > volume.byteLength) return 0;
    const bytes = volume.read(at, 4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  };
  if ((word(EXT.magic) & 0xffff) === 0xef53) {
    if ((word(EXT.incompatible) & EXT_JOURNAL_DEVICE) !== 0) return 'jbd2';
    if ((word(EXT.incompatible) & EXT4_INCOMPATIBLE) !== 0 || (word(EXT.readOnlyCompatible) & EXT4_READ_ONLY) !== 0)
      return 'ext4';
    return (word(EXT.compatible) & EXT_HAS_JOURNAL) !== 0 ? 'ext3' : 'ext2';
  }
  if (magic(0, 'XFSB')) return 'xfs';
  if (magic(0x10040, '_BHRfS_M')) return 'btrfs';
  if (word(1024) === 0xf2f52010) return 'f2fs';
  if (['SWAPSPACE2', 'SWAP-SPACE', 'S1SUSPEND\0'].some((signature) => magic(4086, signature))) return 'swap';
  if (magic(82, 'FAT32') || magic(54, 'FAT1')) return 'vfat';
  return 'unknown';
}
