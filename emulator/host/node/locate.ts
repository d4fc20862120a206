// SPDX-License-Identifier: MIT
/** Names what is at a byte of a filesystem, by the filesystem's own tools on a copy of the volume. */
import { command } from './process.js';
import { RigError } from '../../machine/errors.js';
import type { Filesystem } from '../../verify/disk/partitions.js';
import type { ByteSource } from '../../verify/source.js';
import { readBtrfsDumps } from './btrfs-map.js';
import { withVolumeCopy } from './volume-copy.js';

type Run = (program: string, args: readonly string[]) => Promise<string>;
type Locator = (path: string, offsetsBytes: readonly number[], run: Run) => Promise<readonly (string | undefined)[]>;

const SECTOR_BYTES = 512;
const F2FS_BLOCK_BYTES = 4096;
/** Each of these needs a process of its own. */
const F2FS_LOOKS_MAX = 40;

const LOCATORS: Partial<Record<Filesystem, Locator>> = { xfs: locateXfs, btrfs: locateBtrfs, f2fs: locateF2fs };

/**
 * Names what is at these bytes: files as `/path`, with the byte of the file where the tool prints it. Undefined where
 * the tool prints nothing (as for a damaged filesystem) or is missing: reports then show the numbers of the sectors.
 */
export async function locate(
  volume: ByteSource,
  filesystem: Filesystem,
  offsetsBytes: readonly number[],
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly (string | undefined)[]> {
  const locator = LOCATORS[filesystem];
  if (locator === undefined) return offsetsBytes.map(() => undefined);
  const run: Run = async (program, args) => (await command(program, args, { signal })).stdout;
  return withVolumeCopy(volume, async (path) => {
    try {
      return await locator(path, offsetsBytes, run);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RigError)) throw error;
      return offsetsBytes.map(() => undefined);
    }
  });
}

/** `block 25 (0/25) type data inode 131 folder/file`. */
async function locateXfs(path: string, offsetsBytes: readonly number[], run: Run): ReturnType<Locator> {
  const looks = offsetsBytes.flatMap((offset) => [
    '-c',
    `daddr ${Math.floor(offset / SECTOR_BYTES)}`,
    '-c',
    'blockuse -n',
  ]);
  const lines = (await run('xfs_db', ['-r', '-c', 'blockget -n', ...looks, path]))
    .split('\n')
    .filter((line) => /^block \d+ \(/.test(line));
  if (lines.length !== offsetsBytes.length) return offsetsBytes.map(() => undefined);
  return lines.map((line) => {
    const [, type, inode, name] = /type (\S+)(?: inode (\d+)(?: (.+))?)?$/.exec(line) ?? [];
    if (type === undefined) return undefined;
    if (inode === undefined) return XFS_TYPES[type] ?? `block of type ${type}`;
    const owner = name === undefined ? `inode ${inode}` : `/${name}`;
    return type === 'data' ? owner : `${owner} (${type})`;
  });
}

const XFS_TYPES: Readonly<Record<string, string>> = {
  sb: 'superblock',
  log: 'journal',
  free1: 'free block',
  free2: 'free block',
};

async function locateBtrfs(path: string, offsetsBytes: readonly number[], run: Run): ReturnType<Locator> {
  const dump = (tree: string): Promise<string> => run('btrfs', ['inspect-internal', 'dump-tree', '-t', tree, path]);
  const map = readBtrfsDumps(await dump('chunk'), await dump('fs'));
  return offsetsBytes.map((offset) => map.describe(offset));
}

async function locateF2fs(path: string, offsetsBytes: readonly number[], run: Run): ReturnType<Locator> {
  const found = new Map<number, string | undefined>();
  for (const offset of offsetsBytes) {
    const block = Math.floor(offset / F2FS_BLOCK_BYTES);
    if (found.has(block) || found.size >= F2FS_LOOKS_MAX) continue;
    const text = await run('dump.f2fs', ['-b', String(block), path]);
    const [, area] = /^(FS [^:]*(?: Area)?: .*)$/m.exec(text) ?? [];
    const [, name] = /- File name +: (.*)$/m.exec(text) ?? [];
    const [, at] = /- Data offset +: .*, (\d+) \(bytes\)/.exec(text) ?? [];
    if (name !== undefined) found.set(block, `file ${name.trim()}${at === undefined ? '' : `, byte ${at}`}`);
    else if (area !== undefined) found.set(block, area.replace(/^FS /, '').trim());
  }
  return offsetsBytes.map((offset) => found.get(Math.floor(offset / F2FS_BLOCK_BYTES)));
}
