// SPDX-License-Identifier: MIT
/**
 * The disk proof: between the atomic copy and the first step of the restored kernel, only two things were written to
 * disks. One is the image itself, in exactly those pages of the swap area that its own map lists. The other is what the
 * live timeline after a snapshot writes to the volumes that are meant for it.
 */
import type { DiskConfig, DiskWrite } from '../../machine/contract.js';
import { GuestError } from '../../machine/errors.js';
import { PAGE_BYTES, SECTOR_BYTES } from '../../machine/units.js';
import { diffDisks, rangesOf, type SectorRange } from '../../disks/diff.js';
import { diskReader } from '../../disks/latest.js';
import { filler } from '../../disks/pieces.js';
import { filledRangesOf, type ByteRange } from '../../disks/sparse.js';
import { signedPages, type SwapOnDisk } from '../image/complete.js';
import { readContainer } from '../image/container.js';
import type { Image } from '../image/stream.js';
import { IMAGE_SIGNATURE, readSwapHeader, readSwapImage, type SwapImage } from '../image/swap.js';
import { slice, sourceOf, type ByteSource } from '../source.js';
import { readExt4, type Ext4 } from './ext4.js';
import { readFat } from './fat.js';
import { volumes, type Filesystem, type Volume } from './partitions.js';

export interface DiskDifference {
  readonly device: string;
  /** On the disk; neighbouring sectors of the same owner are one difference. */
  readonly startSector: number;
  readonly sectors: number;
  /** Filesystem and file, or what else is known. */
  readonly owner: string;
  /** Where in which filesystem it lies, when only that filesystem's own tools can say more. */
  readonly inside?: { readonly volume: Volume; readonly offsetBytes: number };
}

/** Names the purpose of a byte of a volume. */
interface Tree {
  describe(offsetBytes: number): string;
}

export interface DiskResult {
  readonly sectorsCompared: number;
  /** Outside of the image. */
  readonly sectorsDiffering: number;
  readonly sectorsOfImage: number;
  /**
   * Sectors that a machine wrote outside the stores (and outside swap, if the image is in swap), even with the same
   * content.
   */
  readonly originSectorsWritten: number;
  /** Where these lie. At most `differencesMax`. */
  readonly originWrites: readonly DiskDifference[];
  /** At most `differencesMax`. */
  readonly differences: readonly DiskDifference[];
}

/** One disk at the two instants, and what machines wrote between them. */
export interface DiskHistory {
  /** `sda`. */
  readonly device: string;
  readonly atCopy: DiskConfig;
  /** When the machine was off: the image is on it. */
  readonly atPowerOff: DiskConfig;
  readonly atRestore: DiskConfig;
  readonly written: readonly DiskWrite[];
  /**
   * Writes before the copy, but after all filesystems were frozen and what they had written to page caches of devices was synced.
   * Only memory that is swapped out may be among them.
   */
  readonly writtenWhileFrozen?: readonly DiskWrite[];
}

const DIFFERENCES_MAX = 200;
/** Filesystems whose structures this proof does not read. */
const NEEDS_TOOLS: ReadonlySet<Filesystem> = new Set<Filesystem>(['xfs', 'btrfs', 'f2fs']);
/** Where snapctl saves it, from the root of the store. */
const SNAPSHOT_IMAGE = '/snapshot';

const sources = new WeakMap<DiskConfig, ByteSource>();

/**
 * Random access to a disk with its writes applied. The base is not copied. All proofs use the same few disks, so each
 * is made once.
 */
export function diskSource(disk: DiskConfig): ByteSource {
  const source = sources.get(disk) ?? sourceUnderWrites(disk);
  sources.set(disk, source);
  return source;
}

function sourceUnderWrites({ base, overlay = [] }: DiskConfig): ByteSource {
  const written = ({ sector, bytes }: DiskWrite): ByteRange => [
    sector * SECTOR_BYTES,
    sector * SECTOR_BYTES + bytes.length,
  ];
  return {
    byteLength: base.byteLength,
    read: overlay.length === 0 && !filler(base) ? sourceOf(base).read : diskReader({ base, overlay }),
    filled: () => united([...filledRangesOf(base), ...overlay.map(written)]),
  };
}

/** Ascending, and joined where they meet. */
function united(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const joined: [number, number][] = [];
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

export const volumeSource = (disk: ByteSource, volume: Volume): ByteSource =>
  slice(disk, volume.startSector * SECTOR_BYTES, volume.sectors * SECTOR_BYTES);

/** An image of stock hibernation, and where its swap area lies. */
export interface FoundImage extends SwapOnDisk {
  /** The disk: `sdb`. */
  readonly device: string;
  readonly image: SwapImage;
}

/** A disk when the machine was off. */
export interface SearchedDisk {
  readonly device: string;
  readonly disk: ByteSource;
  /** The writes to it since the atomic copy. */
  readonly written: readonly DiskWrite[];
}

/**
 * Finds the image in the swap area of one of these disks. `headerPage`: the page of its block device with the header of
 * the area, which is not 0 if the area is a file. Undefined when there is none. Throws GuestError when it is damaged.
 */
export function findImage(disks: readonly SearchedDisk[], headerPage = 0): FoundImage | undefined {
  for (const searched of disks) {
    const { device, disk } = searched;
    for (const startSector of headerPage === 0 ? swapVolumes(searched) : carriersOfFile(searched, headerPage)) {
      const area = slice(disk, startSector * SECTOR_BYTES, disk.byteLength - startSector * SECTOR_BYTES);
      const { signature, originalSignature } = readSwapHeader(area, headerPage);
      if (signature === IMAGE_SIGNATURE && originalSignature.startsWith('SWAP'))
        return { device, startSector, headerPage, image: readSwapImage(area, headerPage) };
    }
  }
  return undefined;
}

/** The first sectors of the volumes that are swap. */
const swapVolumes = ({ device, disk }: SearchedDisk): readonly number[] =>
  volumes(disk, device)
    .filter(({ filesystem }) => filesystem === 'swap')
    .map(({ startSector }) => startSector);

/**
 * The first sectors of block devices that carry a filesystem with a swap file. The write of the signature shows where
 * such a device begins: it need not be a volume, but can be a linear device of the device mapper.
 */
const carriersOfFile = ({ written }: SearchedDisk, headerPage: number): readonly number[] =>
  signedPages(written)
    .map((sector) => sector - (headerPage * PAGE_BYTES) / SECTOR_BYTES)
    .filter((startSector) => startSector >= 0);

/**
 * Finds the image of a snapshot, a file on one of the stores. Undefined when there is none. Throws GuestError when it
 * is damaged.
 */
export async function findSnapshot(
  disks: readonly OpenDisk[],
  stores: readonly string[],
  path = SNAPSHOT_IMAGE,
): Promise<Image | undefined> {
  for (const { tree } of storesOn(disks, stores)) {
    const file = tree.file(path);
    if (file !== undefined) return readContainer(file);
  }
  return undefined;
}

interface OpenDisk {
  /** `sdb`. */
  readonly device: string;
  readonly disk: ByteSource;
}

/** The stores that can have an image in a file. */
function* storesOn(
  disks: readonly OpenDisk[],
  stores: readonly string[],
): Generator<{ readonly device: string; readonly volume: Volume; readonly tree: Ext4 }> {
  for (const { device, disk } of disks) {
    for (const volume of volumes(disk, device)) {
      if (stores.includes(volume.device) && volume.filesystem.startsWith('ext'))
        yield { device, volume, tree: readExt4(volumeSource(disk, volume)) };
    }
  }
}

/** Neighbouring sectors of a disk that hold a part of an image. */
export interface ImageRange {
  /** The disk: `sdb`. */
  readonly disk: string;
  /** On that disk. */
  readonly startSector: number;
  readonly sectors: number;
}

/**
 * Where the image lies when the machine was off: what stock hibernation has taken of swap, or the file on a store. Empty when there is
 * none, or when what it lies in is damaged.
 */
export function imageRanges(
  disks: readonly DiskHistory[],
  { stores, swapHeaderPage }: DiskRules,
): readonly ImageRange[] {
  try {
    return stores.length === 0 ? rangesInSwap(imageOrNone(disks, swapHeaderPage)) : rangesInStore(disks, stores);
  } catch (error) {
    if (error instanceof GuestError) return [];
    throw error;
  }
}

function rangesInSwap(image: FoundImage | undefined): readonly ImageRange[] {
  if (image === undefined) return [];
  const sectors = [...sectorsOfImage(image)].sort((a, b) => a - b);
  return rangesOf(sectors).map(({ start, count }) => ({ disk: image.device, startSector: start, sectors: count }));
}

function rangesInStore(disks: readonly DiskHistory[], stores: readonly string[]): readonly ImageRange[] {
  const off = disks.map(({ device, atPowerOff }) => ({ device, disk: diskSource(atPowerOff) }));
  for (const { device, volume, tree } of storesOn(off, stores)) {
    const ranges = tree.sectorsOf(SNAPSHOT_IMAGE);
    if (ranges)
      return ranges.map(({ start, count }) => ({
        disk: device,
        startSector: volume.startSector + start,
        sectors: count,
      }));
  }
  return [];
}

export interface DiskRules {
  /** Volumes (`sdb1`) that the live timeline may write to. They are not compared. Without any, the image is in swap. */
  readonly stores: readonly string[];
  /** The page of its block device with the header of the swap area; 0 by default. It is not 0 if the area is a file. */
  readonly swapHeaderPage?: number;
  readonly differencesMax?: number;
}

export function verifyDisks(
  disks: readonly DiskHistory[],
  { stores, swapHeaderPage, differencesMax = DIFFERENCES_MAX }: DiskRules = { stores: [] },
): DiskResult {
  const image = stores.length === 0 ? imageOrNone(disks, swapHeaderPage) : undefined;
  const total = { sectorsCompared: 0, sectorsDiffering: 0, sectorsOfImage: 0, originSectorsWritten: 0 };
  const differences: DiskDifference[] = [];
  const originWrites: DiskDifference[] = [];
  for (const disk of disks) {
    const atCopy = diskSource(disk.atCopy);
    const all = volumes(atCopy, disk.device);
    const imageSectors = image?.device === disk.device ? sectorsOfImage(image) : new Set<number>();
    const ofStores = all.filter((volume) => stores.includes(volume.device));
    const isStore = within(ofStores);
    // What lies in a store is not looked at: nor need it be compared, and it may be as much as all of memory.
    const diff = diffDisks(withoutWritesIn(ofStores, disk.atCopy), withoutWritesIn(ofStores, disk.atRestore));
    const differing = diff.ranges.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i));
    const isSwap = within(all.filter((volume) => volume.filesystem === 'swap'));
    const mayBeWritten = stores.length === 0 ? (at: number) => isSwap(at) || imageSectors.has(at) : isStore;
    const unexplained = differing.filter((at) => !imageSectors.has(at) && !isStore(at));
    total.sectorsCompared += diff.sectorsCompared;
    total.sectorsDiffering += unexplained.length;
    total.sectorsOfImage += imageSectors.size;
    for (const onOrigin of [
      sectorsWritten(disk.written, (at) => !mayBeWritten(at)),
      sectorsWritten(disk.writtenWhileFrozen ?? [], (at) => !isStore(at) && !isSwap(at)),
    ]) {
      total.originSectorsWritten += onOrigin.length;
      originWrites.push(...nameSectors(atCopy, all, disk.device, rangesOf(onOrigin)));
    }
    differences.push(...nameSectors(atCopy, all, disk.device, rangesOf(unexplained)));
  }
  const few = (named: readonly DiskDifference[]): readonly DiskDifference[] => named.slice(0, differencesMax);
  return { ...total, originWrites: few(originWrites), differences: few(differences) };
}

/** The image proof reports a damaged image. Here it only means that no sector counts as part of the image. */
function imageOrNone(disks: readonly DiskHistory[], headerPage: number | undefined): FoundImage | undefined {
  try {
    return findImage(
      disks.map(({ device, atPowerOff, written }) => ({ device, disk: diskSource(atPowerOff), written })),
      headerPage,
    );
  } catch (error) {
    if (error instanceof GuestError) return undefined;
    throw error;
  }
}

function sectorsOfImage({ startSector, image }: FoundImage): Set<number> {
  const perPage = PAGE_BYTES / SECTOR_BYTES;
  return new Set(
    image.pagesUsed.flatMap((page) => Array.from({ length: perPage }, (_, i) => startSector + page * perPage + i)),
  );
}

/** The disk without the writes that lie in one of these volumes as a whole. */
function withoutWritesIn(all: readonly Volume[], { base, overlay = [] }: DiskConfig): DiskConfig {
  const isInside = ({ sector, bytes }: DiskWrite): boolean =>
    all.some(
      ({ startSector, sectors }) =>
        sector >= startSector && sector + bytes.length / SECTOR_BYTES <= startSector + sectors,
    );
  return { base, overlay: overlay.filter((write) => !isInside(write)) };
}

const within =
  (all: readonly Volume[]) =>
  (at: number): boolean =>
    all.some(({ startSector, sectors }) => at >= startSector && at < startSector + sectors);

/** In ascending order. */
function sectorsWritten(written: readonly DiskWrite[], counts: (at: number) => boolean): readonly number[] {
  const sectors = new Set<number>();
  for (const { sector: start, bytes } of written) {
    for (let i = 0; i < bytes.length / SECTOR_BYTES; i++) if (counts(start + i)) sectors.add(start + i);
  }
  return [...sectors].sort((a, b) => a - b);
}

/** Where in this volume of the disk these writes lie. */
export const rangesWritten = (written: readonly DiskWrite[], volume: Volume): readonly SectorRange[] =>
  rangesOf(sectorsWritten(written, within([volume])));

/** Names sectors by the structures of the disk as it was at the copy; joins neighbours that have one owner. */
export function nameSectors(
  disk: ByteSource,
  all: readonly Volume[],
  device: string,
  ranges: readonly SectorRange[],
): DiskDifference[] {
  const trees = new Map<Volume, Tree | undefined>();
  const named: (DiskDifference & { sectors: number })[] = [];
  for (const { start, count } of ranges) {
    for (let at = start as number; at < start + count; at++) {
      const name = nameSector(disk, all, device, at, trees);
      const { device: of, owner } = name;
      const last = named.at(-1);
      if (last !== undefined && last.owner === owner && last.device === of && last.startSector + last.sectors === at)
        last.sectors++;
      else named.push({ ...name, startSector: at, sectors: 1 });
    }
  }
  return named;
}

function nameSector(
  disk: ByteSource,
  all: readonly Volume[],
  device: string,
  at: number,
  trees: Map<Volume, Tree | undefined>,
): Pick<DiskDifference, 'device' | 'owner' | 'inside'> {
  const volume = all.find((each) => at >= each.startSector && at < each.startSector + each.sectors);
  if (volume === undefined) return { device, owner: at === 0 ? 'partition table' : 'outside of all partitions' };
  const offset = (at - volume.startSector) * SECTOR_BYTES;
  const where = `${volume.filesystem === 'unknown' ? 'no known filesystem' : volume.filesystem}, byte ${offset}`;
  if (volume.filesystem === 'swap')
    return {
      device: volume.device,
      owner: offset < PAGE_BYTES ? 'swap header' : `swap slot ${Math.floor(offset / PAGE_BYTES)}`,
    };
  const open = volume.filesystem.startsWith('ext') ? readExt4 : volume.filesystem === 'vfat' ? readFat : undefined;
  if (open === undefined)
    return {
      device: volume.device,
      owner: where,
      ...(NEEDS_TOOLS.has(volume.filesystem) && { inside: { volume, offsetBytes: offset } }),
    };
  if (!trees.has(volume))
    trees.set(
      volume,
      openTree(() => open(volumeSource(disk, volume))),
    );
  const tree = trees.get(volume);
  return {
    device: volume.device,
    owner:
      tree === undefined
        ? `${where} (its structures cannot be read)`
        : `${volume.filesystem}: ${describeSafely(tree, offset) ?? where}`,
  };
}

function openTree(open: () => Tree): Tree | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof GuestError) return undefined;
    throw error;
  }
}

function describeSafely(tree: Tree, offset: number): string | undefined {
  try {
    return tree.describe(offset);
  } catch (error) {
    if (error instanceof GuestError) return undefined;
    throw error;
  }
}
