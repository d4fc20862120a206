// SPDX-License-Identifier: MIT
/**
 * Builds the guest's own programs: static i386 binaries, byte for byte the same from the same sources
 * and compiler. The folder of the artifact holds them as `bin/<program>`.
 */
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileName } from '../../emulator/host/node/packages/apt.js';
import { obtainPackages, type PackageArtifact, type PackageWish } from '../../emulator/host/node/packages/obtain.js';
import { RigError } from '../../emulator/machine/errors.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';
import { type Artifact, hashFile, obtain } from '../../emulator/host/node/artifacts/store.js';

const COMPILER = 'i686-linux-gnu-gcc';
const COMPILER_REMEDY = 'install it: apt-get install gcc-i686-linux-gnu libc6-dev-i386-cross';

const FLAGS = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-D_GNU_SOURCE',
  '-D_FILE_OFFSET_BITS=64',
  '-D_TIME_BITS=64',
  '-pthread',
  '-static',
  '-s',
  // The bytes must not depend on the place and time of the build.
  '-Wl,--build-id=none',
  '-Wdate-time',
] as const;

/** i386 packages of Debian with the libraries and headers for programs. Their only dependency is the C library. */
export const LIBRARY_PACKAGES: PackageWish = {
  install: ['libzstd-dev'],
  without: ['gcc-12-base', 'libc6', 'libgcc-s1', 'libzstd1'],
};

/** Libraries of these packages, by the program that is linked with them. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = { snapctl: ['usr/lib/i386-linux-gnu/libzstd.a'] };

/** Sources that find disks, with those of snapctl that recognise what is on them. */
const DISKS: readonly string[] = [
  ...['disks', 'disk-names', 'partition-id'].map((name) => `init/${name}.c`),
  ...['fingerprint', 'place', 'system', 'checksum', 'vfat'].map((name) => `snapctl/${name}.c`),
];

/** Sources of each program, relative to this folder. A folder means all `.c` files directly in it. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  /** /init of the initramfs. */
  'initramfs-init': ['init/initramfs-init.c', 'init/dm.c', ...DISKS, 'lib'],
  /** /sbin/init of the root. */
  'rig-init': ['init/rig-init.c', 'init/shutdown.c', 'init/detach.c', 'init/dm.c', ...DISKS, 'lib'],
  'rig-agent': ['agent', 'lib'],
  'rig-marker': ['marker', 'lib'],
  scribble: ['scribble', 'lib'],
  snapctl: ['snapctl'],
  'fs-load': ['filesystems/fs-load.c', 'lib'],
  fusefs: ['filesystems/fusefs.c', 'lib'],
  'raw-nvme': ['filesystems/raw-nvme.c'],
  'raw-scsi': ['filesystems/raw-scsi.c'],
  'mapped-fd': ['filesystems/mapped-fd.c'],
  'md-mirror': ['filesystems/md-mirror.c'],
  'make-bcache': ['filesystems/make-bcache.c'],
  'smb-serve': ['filesystems/smb-serve.c'],
  'secret-memory': ['filesystems/secret-memory.c'],
  'swap-place': ['filesystems/swap-place.c', 'lib'],
  selfcheck: ['selfcheck', 'selfcheck/tests'],
  storm: ['storm'],
};

/**
 * The artifact with all guest programs.
 * @throws RigError when the compiler is missing or a source does not compile.
 */
export async function obtainUserspace(context: BuildContext): Promise<Artifact> {
  const sources = await readSources(packagePath('guest-kernel/userspace'));
  const compiler = await compilerVersion(context);
  const packages = await obtainPackages(LIBRARY_PACKAGES, context);
  const settings = {
    '#compiler': compiler,
    '#flags': FLAGS.join(' '),
    '#programs': JSON.stringify([PROGRAMS, LIBRARIES]),
    '#libraries': packages.packages.map(({ sha256 }) => sha256).join(' '),
  };
  return obtain(
    {
      name: 'userspace',
      inputs: { ...sources, ...settings },
      build: (dir, scratch) => build(dir, scratch, Object.keys(sources), packages, context),
    },
    context,
  );
}

async function build(
  dir: string,
  scratch: string,
  sources: readonly string[],
  packages: PackageArtifact,
  context: BuildContext,
): Promise<void> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  const libraries = await unpackLibraries(packages, join(scratch, 'libraries'), context);
  const programs = Object.entries(PROGRAMS).map(([name, from]) => ({
    name,
    files: from.flatMap((source) => (source.endsWith('.c') ? [source] : filesRightIn(source, sources))),
  }));
  const files = [...new Set(programs.flatMap((program) => program.files))];
  const objectOf = (file: string): string => join(scratch, `${file.replaceAll('/', '-')}.o`);
  let done = 0;
  await forEachOfMany(files, async (file) => {
    await compile(['-isystem', join(libraries, 'usr/include'), '-c', '-o', objectOf(file), file], context);
    context.progress('compiling the guest programs', ++done / files.length);
  });
  for (const program of programs) {
    const wanted = (LIBRARIES[program.name] ?? []).map((path) => join(libraries, path));
    await compile(['-o', join(dir, 'bin', program.name), ...program.files.map(objectOf), ...wanted], context);
  }
}

async function unpackLibraries({ dir, packages }: PackageArtifact, to: string, context: BuildContext): Promise<string> {
  for (const one of packages)
    await command('dpkg-deb', ['-x', join(dir, fileName(one)), to], context, { remedy: 'apt-get install dpkg' });
  return to;
}

/** In place and with relative names, so that __FILE__ is the same everywhere. */
async function compile(args: readonly string[], context: BuildContext): Promise<void> {
  await command(COMPILER, [...FLAGS, ...args], context, {
    cwd: packagePath('guest-kernel/userspace'),
    env: { LC_ALL: 'C' },
  });
}

/** Runs as many tasks in parallel as there are processors. */
async function forEachOfMany<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

function filesRightIn(folder: string, sources: readonly string[]): readonly string[] {
  const pattern = new RegExp(`^${folder}/[^/]+\\.c$`);
  return sources.filter((path) => pattern.test(path));
}

/** All C sources and headers, by path relative to `root`, in a fixed order. */
async function readSources(root: string): Promise<Record<string, Uint8Array>> {
  const paths = (await readdir(root, { recursive: true })).filter((path) => /\.[ch]$/.test(path)).sort();
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path))] as const)),
  );
}

async function compilerVersion(context: BuildContext): Promise<string> {
  try {
    const version = await command(COMPILER, ['--version'], context);
    // The linker and the linked libraries are inputs like the compiler.
    const linker = await command(COMPILER, ['-Wl,--version'], context);
    const library = await command(COMPILER, ['-print-file-name=libc.a'], context);
    const firstLines = [version, linker].map(({ stdout }) => stdout.split('\n')[0] ?? '');
    return [...firstLines, await hashFile(library.stdout.trim())].join('\n');
  } catch (error) {
    if (context.signal.aborted) throw error;
    throw new RigError(`the compiler for guest programs, ${COMPILER}, is missing or does not work`, {
      cause: error,
      remedy: COMPILER_REMEDY,
    });
  }
}
