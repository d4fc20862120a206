// SPDX-License-Identifier: MIT
/** The disks and the initramfs of a machine, as artifacts. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sector, SECTOR_BYTES, type Sector } from '../emulator/machine/units.js';
import type { KernelArch } from '../guest-kernel/build.js';
import { obtainUserspace } from '../guest-kernel/userspace/build.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { obtain } from '../emulator/host/node/artifacts/store.js';
import { makeDisk } from './image/disk.js';
import { placePartitions } from './image/layout.js';
import {
  obtainPackages,
  unpackPackages,
  type PackageArtifact,
  type PackageWish,
} from '../emulator/host/node/packages/obtain.js';
import type { LockedPackage } from '../emulator/host/node/packages/lock.js';
import { readRecipe } from './recipe/read.js';
import { holdsFiles, type Filesystem, type Recipe, type Volume } from './recipe/recipe.js';
import { cpioArchive } from './tree/cpio.js';
import { gather, hashEntries, type Userspace } from './tree/gather.js';
import {
  cleanPath,
  directory,
  dropPaths,
  MERGED_USR,
  mergeTree,
  resolveAlias,
  type Entry,
} from '../emulator/host/node/tree/tree.js';

export { cpioArchive } from './tree/cpio.js';
export { loadDiskImage, withDiskImage } from './image/ranges.js';

/** To be changed whenever this code would make other bytes from the same inputs. */
const BUILDER = '1';

/** One volume of a disk: the disk itself, or a partition. */
export interface VolumePlace {
  readonly name: string;
  /** 0 for the whole disk, else as in `sda1`. */
  readonly partitionNumber: number;
  readonly offsetSectors: Sector;
  readonly lengthSectors: number;
  readonly filesystem: Filesystem;
  readonly label: string | undefined;
  readonly uuid: string;
  readonly deviceMapper: Volume['deviceMapper'];
}

export interface DiskArtifact {
  /** The recipe's name. */
  readonly name: string;
  readonly key: string;
  readonly dir: string;
  /** The image file, sparse. Load it with `loadDiskImage`. */
  readonly path: string;
  /** SHA-256 (hex) of the image. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly volumes: readonly VolumePlace[];
  /** The Debian packages in it. */
  readonly packages: readonly LockedPackage[];
  /** The reasons why packages differ from those of the lock. */
  readonly deviations: readonly string[];
}

/**
 * The disk of a recipe: one that comes with Snapback, by name (`root`, `stores`), or a file's path. Its programs are for
 * `arch`.
 * @throws InputError when the recipe is wrong, RigError when the disk cannot be built.
 */
export async function obtainDisk(
  nameOrPath: string,
  context: BuildContext,
  arch: KernelArch = 'i386',
): Promise<DiskArtifact> {
  const { recipe } = await readRecipe(nameOrPath);
  const programs = {
    i386: once(() => obtainUserspace(context)),
    x86_64: once(() => obtainUserspace(context, 'x86_64')),
  };
  const userspace: Userspace = (of) => programs[of]();
  const contents = await Promise.all(recipe.volumes.map((volume) => contentOf(volume, arch, userspace, context)));
  const inputs: Record<string, string> = {
    builder: BUILDER,
    recipe: JSON.stringify({ ...recipe, volumes: recipe.volumes.map(withoutSources) }),
  };
  for (const [index, { packages, files }] of contents.entries()) {
    inputs[`packages ${index}`] =
      packages === undefined ? '' : packages.packages.map(({ name, sha256 }) => `${name} ${sha256}\n`).join('');
    inputs[`files ${index}`] = hashEntries(files);
  }
  const build = async (dir: string, scratch: string, inner: BuildContext): Promise<void> => {
    const trees: (readonly Entry[])[] = [];
    for (const [index, volume] of recipe.volumes.entries())
      trees.push(await treeOf(volume, contents[index], scratch, inner));
    const volumesDir = join(scratch, 'volumes');
    await mkdir(volumesDir);
    await makeDisk(recipe, trees, join(dir, IMAGE), volumesDir, inner);
    const listing = trees.map(
      (tree, index) => `# ${recipe.volumes[index]?.name ?? ''}\n${tree.map(describeEntry).join('')}`,
    );
    await writeFile(join(dir, 'contents.txt'), listing.join('\n'));
  };
  const artifact = await obtain({ name: `disk-${recipe.name}`, inputs, build }, context);
  return {
    name: recipe.name,
    key: artifact.key,
    dir: artifact.dir,
    path: join(artifact.dir, IMAGE),
    sha256: artifact.sha256[IMAGE] ?? '',
    sizeBytes: recipe.sizeBytes,
    volumes: placeVolumes(recipe),
    packages: contents.flatMap(({ packages }) => packages?.packages ?? []),
    deviations: contents.flatMap(({ packages }) => packages?.deviations ?? []),
  };
}

export interface InitramfsArtifact {
  readonly name: 'initramfs';
  readonly key: string;
  readonly dir: string;
  /** A cpio archive, not compressed: unpacking costs the guest more than reading. Others may be appended. */
  readonly path: string;
  /** SHA-256 (hex) of the archive. */
  readonly sha256: string;
}

/** The initramfs of every machine of an architecture: our init, the program that resumes a snapshot, and the console device for init. */
export async function obtainInitramfs(context: BuildContext, arch: KernelArch = 'i386'): Promise<InitramfsArtifact> {
  const userspace = await obtainUserspace(context, arch);
  const program = (name: string): Promise<Uint8Array> => readFile(join(userspace.dir, 'bin', name));
  const inputs = {
    builder: BUILDER,
    init: userspace.sha256['bin/initramfs-init'] ?? '',
    snapctl: userspace.sha256['bin/snapctl'] ?? '',
  };
  const build = async (dir: string): Promise<void> => {
    const entries = mergeTree([
      [
        ...['dev', 'proc', 'sys', 'root'].map((path) => directory(path)),
        { kind: 'device', path: 'dev/console', type: 'char', major: 5, minor: 1, mode: 0o600, uid: 0, gid: 0 },
        { kind: 'file', path: 'init', content: await program('initramfs-init'), mode: 0o755, uid: 0, gid: 0 },
        { kind: 'file', path: 'snapctl', content: await program('snapctl'), mode: 0o755, uid: 0, gid: 0 },
      ],
    ]);
    await writeFile(join(dir, ARCHIVE), cpioArchive(entries));
  };
  const { key, dir, sha256 } = await obtain({ name: 'initramfs', inputs, build }, context);
  return { name: 'initramfs', key, dir, path: join(dir, ARCHIVE), sha256: sha256[ARCHIVE] ?? '' };
}

const IMAGE = 'disk.img';
const ARCHIVE = 'initramfs.cpio';

interface Content {
  readonly packages: PackageArtifact | undefined;
  /** All entries except the files of packages, which are unpacked only when the disk has to be built. */
  readonly files: readonly Entry[];
}

async function contentOf(
  volume: Volume,
  arch: KernelArch,
  userspace: Userspace,
  context: BuildContext,
): Promise<Content> {
  const files = await Promise.all(volume.sources.map((source) => gather(source, userspace, arch)));
  const wish = volume.packages && packageWish(volume.packages, arch);
  return { files: files.flat(), packages: wish && (await obtainPackages(wish, context)) };
}

/** The packages of a volume on a disk for `arch`. */
export const packageWish = (packages: NonNullable<Volume['packages']>, arch: KernelArch): PackageWish => ({
  ...packages,
  architecture: arch === 'i386' ? 'i386' : 'amd64',
});

async function treeOf(
  volume: Volume,
  content: Content | undefined,
  scratch: string,
  context: BuildContext,
): Promise<readonly Entry[]> {
  if (content === undefined || !holdsFiles(volume.filesystem)) return [];
  if (content.packages === undefined) return mergeTree([content.files]);
  const unpacked = mergeTree([await unpackPackages(content.packages, scratch, context)], MERGED_USR);
  // Only files of packages are dropped: the recipe's own files stay.
  const kept = dropPaths(
    unpacked,
    volume.drop.map((path) => resolveAlias(cleanPath(path), MERGED_USR)),
  );
  return mergeTree([kept, content.files], MERGED_USR);
}

/**
 * The recipe without its files, whose contents are hashed separately, and without settings that do not change the disk.
 */
function withoutSources({ sources: _, deviceMapper: __, ...volume }: Volume): Omit<Volume, 'sources' | 'deviceMapper'> {
  return volume;
}

function placeVolumes(recipe: Recipe): readonly VolumePlace[] {
  const sizes = recipe.volumes.map(({ sizeBytes }) => sizeBytes);
  const places =
    recipe.table === 'none'
      ? [{ offsetBytes: 0, lengthBytes: recipe.sizeBytes }]
      : placePartitions(recipe.sizeBytes, recipe.table, sizes);
  return recipe.volumes.map(({ name, filesystem, label, uuid, deviceMapper }, index) => ({
    name,
    partitionNumber: recipe.table === 'none' ? 0 : index + 1,
    offsetSectors: sector((places[index]?.offsetBytes ?? 0) / SECTOR_BYTES),
    lengthSectors: (places[index]?.lengthBytes ?? 0) / SECTOR_BYTES,
    filesystem,
    label,
    uuid,
    deviceMapper,
  }));
}

function describeEntry(entry: Entry): string {
  const size = entry.kind === 'file' ? entry.content.length : entry.kind === 'symlink' ? `-> ${entry.target}` : '';
  return `${entry.kind} ${entry.mode.toString(8).padStart(4, '0')} ${entry.uid}:${entry.gid} /${entry.path} ${size}\n`;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
