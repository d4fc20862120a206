// SPDX-License-Identifier: MIT
/**
 * Reads FAT12, FAT16 and FAT32 far enough to say what a byte is for: which file and which part of it, or which piece of
 * the filesystem's own structures. Nothing is written, nothing is checked: the host's fsck.fat does that.
 */
import { GuestError } from '../../machine/errors.js';
import { readChecked, type ByteSource } from '../source.js';

export interface Fat {
  /** What lies at a byte of the volume, for people: `/FOLDER/file, byte 4096`, `first FAT`. */
  describe(offsetBytes: number): string;
}

interface Geometry {
  readonly volume: ByteSource;
  readonly bits: 12 | 16 | 32;
  readonly clusterBytes: number;
  readonly clusters: number;
  readonly fatAt: number;
  readonly fatBytes: number;
  readonly fats: number;
  /** The root directory of FAT12 and FAT16, which has a place of its own. */
  readonly rootAt: number;
  readonly rootBytes: number;
  readonly rootCluster: number;
  readonly dataAt: number;
}

/** Where a cluster belongs. */
interface Place {
  readonly path: string;
  /** Of the file, at which the cluster begins. */
  readonly offsetBytes: number;
}

const ENTRY_BYTES = 32;
const DELETED = 0xe5;
const ATTRIBUTE = { label: 0x08, directory: 0x10, longName: 0x0f } as const;
const DEPTH_MAX = 64;

/** Throws GuestError when the boot sector makes no sense. The tree is walked at the first question. */
export function readFat(volume: ByteSource): Fat {
  const geometry = readGeometry(volume);
  let places: ReadonlyMap<number, Place> | undefined;
  return { describe: (offset) => describe(geometry, (places ??= walk(geometry)), offset) };
}

function readGeometry(volume: ByteSource): Geometry {
  const boot = viewOf(readChecked(volume, 0, 512, 'the boot sector'));
  const sectorBytes = boot.getUint16(11, true);
  const clusterSectors = boot.getUint8(13);
  const fats = boot.getUint8(16);
  const fatSectors = boot.getUint16(22, true) || boot.getUint32(36, true);
  if (![512, 1024, 2048, 4096].includes(sectorBytes) || clusterSectors === 0 || fats === 0 || fatSectors === 0) {
    throw new GuestError('the boot sector of the FAT filesystem makes no sense');
  }
  const fatAt = boot.getUint16(14, true) * sectorBytes;
  const fatBytes = fatSectors * sectorBytes;
  const rootAt = fatAt + fats * fatBytes;
  const rootBytes = Math.ceil((boot.getUint16(17, true) * ENTRY_BYTES) / sectorBytes) * sectorBytes;
  const dataAt = rootAt + rootBytes;
  const clusterBytes = clusterSectors * sectorBytes;
  const sectors = boot.getUint16(19, true) || boot.getUint32(32, true);
  const clusters = Math.floor((sectors * sectorBytes - dataAt) / clusterBytes);
  // By the count of clusters alone, as the specification says.
  const bits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
  return {
    volume,
    bits,
    clusterBytes,
    clusters,
    fatAt,
    fatBytes,
    fats,
    rootAt,
    rootBytes,
    rootCluster: bits === 32 ? boot.getUint32(44, true) : 0,
    dataAt,
  };
}

/** Every cluster that a directory leads to. */
function walk(g: Geometry): ReadonlyMap<number, Place> {
  const fat = readChecked(g.volume, g.fatAt, g.fatBytes, 'the file allocation table');
  const places = new Map<number, Place>();
  const claim = (first: number, path: string): number[] => {
    const chain: number[] = [];
    for (
      let cluster = first;
      cluster >= 2 && cluster < g.clusters + 2 && !places.has(cluster);
      cluster = nextCluster(g, fat, cluster)
    ) {
      places.set(cluster, { path, offsetBytes: chain.length * g.clusterBytes });
      chain.push(cluster);
    }
    return chain;
  };
  const visit = (pieces: readonly Uint8Array[], path: string, depth: number): void => {
    for (const { name, isDirectory, cluster } of entriesOf(pieces)) {
      const own = `${path}/${name}`;
      const chain = claim(cluster, own);
      if (isDirectory && depth < DEPTH_MAX)
        visit(
          chain.map((one) => clusterOf(g, one)),
          own,
          depth + 1,
        );
    }
  };
  const root =
    g.bits === 32
      ? claim(g.rootCluster, '/').map((one) => clusterOf(g, one))
      : [readChecked(g.volume, g.rootAt, g.rootBytes, 'the root directory')];
  visit(root, '', 0);
  return places;
}

const clusterOf = (g: Geometry, cluster: number): Uint8Array =>
  readChecked(g.volume, g.dataAt + (cluster - 2) * g.clusterBytes, g.clusterBytes, `cluster ${cluster}`);

function nextCluster({ bits }: Geometry, fat: Uint8Array, cluster: number): number {
  const view = viewOf(fat);
  if (bits === 32) return view.getUint32(4 * cluster, true) & 0x0fff_ffff;
  if (bits === 16) return view.getUint16(2 * cluster, true);
  const pair = view.getUint16(cluster + (cluster >> 1), true);
  return cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
}

function* entriesOf(
  pieces: readonly Uint8Array[],
): Generator<{ readonly name: string; readonly isDirectory: boolean; readonly cluster: number }> {
  // A long name stands before its entry, in pieces from its end to its begin.
  let long = '';
  for (const piece of pieces) {
    for (let at = 0; at + ENTRY_BYTES <= piece.length; at += ENTRY_BYTES) {
      const bytes = piece.subarray(at, at + ENTRY_BYTES);
      const view = viewOf(bytes);
      const attributes = view.getUint8(11);
      if (bytes[0] === 0) return;
      if (bytes[0] === DELETED) long = '';
      else if (attributes === ATTRIBUTE.longName) long = longPiece(view) + long;
      else {
        const name = long === '' ? shortName(bytes) : long;
        long = '';
        if ((attributes & ATTRIBUTE.label) !== 0 || name === '.' || name === '..') continue;
        yield {
          name,
          isDirectory: (attributes & ATTRIBUTE.directory) !== 0,
          cluster: view.getUint16(26, true) + view.getUint16(20, true) * 65536,
        };
      }
    }
  }
}

function longPiece(view: DataView): string {
  let text = '';
  for (const [from, count] of [
    [1, 5],
    [14, 6],
    [28, 2],
  ] as const) {
    for (let i = 0; i < count; i++) {
      const unit = view.getUint16(from + 2 * i, true);
      if (unit === 0 || unit === 0xffff) return text;
      text += String.fromCharCode(unit);
    }
  }
  return text;
}

function shortName(bytes: Uint8Array): string {
  const text = (from: number, to: number, flag: number): string => {
    const part = String.fromCharCode(...bytes.subarray(from, to)).trimEnd();
    return ((bytes[12] ?? 0) & flag) !== 0 ? part.toLowerCase() : part;
  };
  const [base, extension] = [text(0, 8, 0x08), text(8, 11, 0x10)];
  return extension === '' ? base : `${base}.${extension}`;
}

function describe(g: Geometry, places: ReadonlyMap<number, Place>, offsetBytes: number): string {
  if (offsetBytes < g.fatAt) return 'boot and reserved sectors';
  if (offsetBytes < g.rootAt)
    return `allocation table ${Math.floor((offsetBytes - g.fatAt) / g.fatBytes) + 1} of ${g.fats}`;
  if (offsetBytes < g.dataAt) return '/';
  const cluster = Math.floor((offsetBytes - g.dataAt) / g.clusterBytes) + 2;
  const place = places.get(cluster);
  if (place === undefined) return `free cluster ${cluster}`;
  return `${place.path}, byte ${place.offsetBytes + ((offsetBytes - g.dataAt) % g.clusterBytes)}`;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Offset of the byte of the boot sector in which the kernel marks the filesystem as mounted for writing, in bit 0. */
const STATE = { fat32: 0x41, others: 0x25 } as const;
const STATE_DIRTY = 1;

/**
 * The volume with the bit for "mounted for writing" cleared. If the bit is set before a mount, the kernel never clears
 * it, only fsck does.
 */
export function withoutDirtyBit(volume: ByteSource): ByteSource {
  const isFat32 = String.fromCharCode(...volume.read(82, 5)) === 'FAT32';
  const at = isFat32 ? STATE.fat32 : STATE.others;
  return {
    ...volume,
    read(offsetBytes, lengthBytes) {
      const bytes = volume.read(offsetBytes, lengthBytes);
      if (at < offsetBytes || at >= offsetBytes + lengthBytes) return bytes;
      const altered = Uint8Array.from(bytes);
      altered[at - offsetBytes] = (altered[at - offsetBytes] ?? 0) & ~STATE_DIRTY;
      return altered;
    },
  };
}
