// SPDX-License-Identifier: MIT
/**
 * Maps places of a btrfs to files, by the output of `btrfs inspect-internal dump-tree` for its chunk and file trees.
 */

interface Stripe {
  readonly logical: number;
  readonly length: number;
  readonly physical: number;
}

interface Extent {
  readonly logical: number;
  readonly length: number;
  readonly inode: string;
  /** Offset in the file at which the extent begins. */
  readonly fileOffset: number;
}

export interface BtrfsMap {
  /** Names what is at a byte of the volume, for people; undefined when the dumps do not contain it. */
  describe(offsetBytes: number): string | undefined;
}

const KEY = /^\titem \d+ key \((\S+) (\w+) (\S+)\)/;
const SUPERBLOCKS = [65_536, 67_108_864, 274_877_906_944];
const SUPERBLOCK_BYTES = 4096;
const ROOT_INODE = '256';

/** Reads the two dumps. Profiles with stripes over devices are not supported: a disk of the rig is one device. */
export function readBtrfsDumps(chunkTree: string, fileTree: string): BtrfsMap {
  const stripes = readStripes(chunkTree);
  const { extents, names } = readFiles(fileTree);
  return {
    describe: (offset) => {
      if (SUPERBLOCKS.some((at) => offset >= at && offset < at + SUPERBLOCK_BYTES)) return 'superblock';
      const stripe = stripes.find(({ physical, length }) => offset >= physical && offset < physical + length);
      if (stripe === undefined) return 'in no chunk';
      const logical = stripe.logical + offset - stripe.physical;
      const extent = extents.find((one) => logical >= one.logical && logical < one.logical + one.length);
      if (extent !== undefined)
        return `${pathOf(extent.inode, names)}, byte ${extent.fileOffset + logical - extent.logical}`;
      return stripe.kind.includes('DATA') && !stripe.kind.includes('METADATA')
        ? `free, or of another subvolume (logical ${logical})`
        : `${stripe.kind.toLowerCase()} (logical ${logical})`;
    },
  };
}

function readStripes(dump: string): readonly (Stripe & { readonly kind: string })[] {
  const stripes: (Stripe & { kind: string })[] = [];
  let logical: number | undefined;
  let length = 0;
  let kind = '';
  for (const line of dump.split('\n')) {
    const [, , type, offset] = KEY.exec(line) ?? [];
    if (type !== undefined) logical = type === 'CHUNK_ITEM' ? Number(offset) : undefined;
    if (logical === undefined) continue;
    const head = /^\t\tlength (\d+) owner .* type (\w+)/.exec(line);
    if (head) [length, kind] = [Number(head[1]), head[2] ?? ''];
    const stripe = /^\t\t\tstripe \d+ devid \d+ offset (\d+)/.exec(line);
    if (stripe) stripes.push({ logical, length, physical: Number(stripe[1]), kind });
  }
  return stripes;
}

interface Name {
  readonly parent: string;
  readonly name: string;
}

function readFiles(dump: string): { readonly extents: readonly Extent[]; readonly names: ReadonlyMap<string, Name> } {
  const extents: Extent[] = [];
  const names = new Map<string, Name>();
  let key: readonly [string, string, string] | undefined;
  let disk: readonly [number, number] | undefined;
  for (const line of dump.split('\n')) {
    const [, inode, type, offset] = KEY.exec(line) ?? [];
    if (inode !== undefined && type !== undefined && offset !== undefined) {
      key = [inode, type, offset];
      disk = undefined;
      continue;
    }
    if (key === undefined) continue;
    const reference = key[1] === 'INODE_REF' ? /^\t\tindex \d+ namelen \d+ name: (.*)$/.exec(line) : null;
    if (reference && !names.has(key[0])) names.set(key[0], { parent: key[2], name: reference[1] ?? '' });
    if (key[1] !== 'EXTENT_DATA') continue;
    const at = /^\t\textent data disk byte (\d+) nr (\d+)/.exec(line);
    if (at) disk = [Number(at[1]), Number(at[2])];
    const part = /^\t\textent data offset (\d+) nr (\d+)/.exec(line);
    // A disk byte of 0 is a hole.
    if (part && disk && disk[0] > 0)
      extents.push({
        logical: disk[0] + Number(part[1]),
        length: Number(part[2]),
        inode: key[0],
        fileOffset: Number(key[2]),
      });
  }
  return { extents, names };
}

function pathOf(inode: string, names: ReadonlyMap<string, Name>): string {
  const parts: string[] = [];
  for (let at = inode; at !== ROOT_INODE;) {
    const name = names.get(at);
    if (name === undefined || parts.length > 255) return `inode ${inode}, which no directory names`;
    parts.unshift(name.name);
    at = name.parent;
  }
  return `/${parts.join('/')}`;
}
