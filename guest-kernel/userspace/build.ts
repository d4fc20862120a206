// SPDX-License-Identifier: MIT
/**
 * Builds the guest's own programs: static binaries for i386 or x86-64, byte for byte the same from the same sources
 * and compiler. The folder of the artifact holds them as `bin/<program>`.
 */
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileName } from '../../emulator/host/node/packages/apt.js';
import type { DebianArchitecture } from '../../emulator/host/node/packages/lock.js';
import { obtainPackages, type PackageArtifact, type PackageWish } from '../../emulator/host/node/packages/obtain.js';
import { RigError } from '../../emulator/machine/errors.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';
import { type Artifact, hashFile, obtain } from '../../emulator/host/node/artifacts/store.js';
import type { KernelArch } from '../build.js';

interface Target {
  readonly compiler: string;
  /** The command that installs compiler and C library. */
  readonly remedy: string;
  /** Debian's name of the architecture, and of the folder of its libraries. */
  readonly debian: DebianArchitecture;
  readonly triplet: string;
}

const TARGETS: Readonly<Record<KernelArch, Target>> = {
  i386: {
    compiler: 'i686-linux-gnu-gcc',
    remedy: 'install it: apt-get install gcc-i686-linux-gnu libc6-dev-i386-cross',
    debian: 'i386',
    triplet: 'i386-linux-gnu',
  },
  x86_64: {
    // On amd64, this is the host's own compiler.
    compiler: 'x86_64-linux-gnu-gcc',
    remedy:
      process.arch === 'x64'
        ? 'install it: apt-get install gcc libc6-dev'
        : 'install it: apt-get install gcc-x86-64-linux-gnu libc6-dev-amd64-cross',
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
  },
};

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

/** Packages of Debian with the libraries and headers for programs. Their only dependency is the C library. */
export const libraryPackages = (arch: KernelArch): PackageWish => ({
  architecture: TARGETS[arch].debian,
  install: ['libzstd-dev'],
  without: ['gcc-12-base', 'libc6', 'libgcc-s1', 'libzstd1'],
});

/** Libraries of these packages, by the program that is linked with them. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = { snapctl: ['libzstd.a'] };

/** Sources that find disks, with those of snapctl that recognise what is on them. */
const DISKS: readonly string[] = [
  ...['disks', 'disk-names'].map((name) => `init/${name}.c`),
  ...['fingerprint', 'partition-id', 'place', 'system', 'checksum', 'vfat'].map((name) => `snapctl/${name}.c`),
];

/** Sources of each program, relative to this folder. A folder means all `.c` files directly in it. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  /** /init of the initramfs. */
  'initramfs-init': ['init/initramfs-init.c', 'init/dm.c', 'snapctl/dm-request.c', ...DISKS, 'lib'],
  /** /sbin/init of the root. */
  'rig-init': [
    'init/rig-init.c',
    'init/shutdown.c',
    'init/detach.c',
    'init/dm.c',
    'snapctl/dm-request.c',
    ...DISKS,
    'lib',
  ],
  'rig-agent': ['agent', 'lib'],
  'rig-marker': ['marker', 'lib'],
  scribble: ['scribble', 'lib'],
  snapctl: ['snapctl'],
  'fs-load': ['filesystems/fs-load.c', 'lib'],
  fusefs: ['filesystems/fusefs.c', 'lib'],
  'raw-nvme': ['filesystems/raw-nvme.c'],
  'raw-scsi': ['filesystems/raw-scsi.c'],
  'mapped-fd': ['filesystems/mapped-fd.c'],
  'write-mapped': ['filesystems/write-mapped.c'],
  reflink: ['filesystems/reflink.c'],
  'md-mirror': ['filesystems/md-mirror.c'],
  'make-bcache': ['filesystems/make-bcache.c'],
  'smb-serve': ['filesystems/smb-serve.c'],
  'secret-memory': ['filesystems/secret-memory.c'],
  'hold-memory': ['memory/hold-memory.c'],
  'find-bytes': ['memory/find-bytes.c'],
  'notice-writes': ['memory/notice-writes.c'],
  'sector-race': ['filesystems/sector-race.c'],
  'swap-place': ['filesystems/swap-place.c', 'lib'],
  waits: ['waits/waits.c'],
  'wait-turns': ['waits/wait-turns.c'],
  graphics: ['screen/graphics.c'],
  'press-keys': ['screen/press-keys.c'],
  selfcheck: ['selfcheck', 'selfcheck/tests'],
  storm: ['storm', 'snapctl/dm-request.c', 'snapctl/system.c', 'lib'],
};

/**
 * The artifact with all guest programs for an architecture.
 * @throws RigError when the compiler is missing or a source does not compile.
 */
export async function obtainUserspace(context: BuildContext, arch: KernelArch = 'i386'): Promise<Artifact> {
  const target = TARGETS[arch];
  const sources = await readSources(packagePath('guest-kernel/userspace'));
  const compiler = await compilerVersion(target, context);
  const packages = await obtainPackages(libraryPackages(arch), context);
  const settings = {
    '#compiler': compiler,
    '#flags': FLAGS.join(' '),
    '#programs': JSON.stringify([PROGRAMS, LIBRARIES]),
    '#libraries': packages.packages.map(({ sha256 }) => sha256).join(' '),
  };
  return obtain(
    {
      name: arch === 'i386' ? 'userspace' : `userspace-${arch}`,
      inputs: { ...sources, ...settings },
      build: (dir, scratch) => build(target, dir, scratch, Object.keys(sources), packages, context),
    },
    context,
  );
}

async function build(
  target: Target,
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
    await compile(target, ['-isystem', join(libraries, 'usr/include'), '-c', '-o', objectOf(file), file], context);
    context.progress('compiling the guest programs', ++done / files.length);
  });
  for (const program of programs) {
    const wanted = (LIBRARIES[program.name] ?? []).map((file) => join(libraries, 'usr/lib', target.triplet, file));
    await compile(target, ['-o', join(dir, 'bin', program.name), ...program.files.map(objectOf), ...wanted], context);
  }
}

async function unpackLibraries({ dir, packages }: PackageArtifact, to: string, context: BuildContext): Promise<string> {
  for (const one of packages)
    await command('dpkg-deb', ['-x', join(dir, fileName(one)), to], context, { remedy: 'apt-get install dpkg' });
  return to;
}

/** In place and with relative names, so that __FILE__ is the same everywhere. */
async function compile({ compiler }: Target, args: readonly string[], context: BuildContext): Promise<void> {
  await command(compiler, [...FLAGS, ...args], context, {
    cwd: packagePath('guest-kernel/userspace'),
    env: { LC_ALL: 'C' },
  });
}

/**
 * Runs as many tasks in parallel as there are processors. After a failure it begins no other one, and throws when those
 * under way have ended: they still write to the folder that the caller then removes.
 */
async function forEachOfMany<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items].reverse();
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined && errors.length === 0; item = left.pop()) {
      await work(item).catch((error: unknown) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (errors.length > 0) throw errors[0];
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

async function compilerVersion({ compiler, remedy }: Target, context: BuildContext): Promise<string> {
  try {
    const version = await command(compiler, ['--version'], context);
    // The linker and the linked libraries are inputs like the compiler.
    const linker = await command(compiler, ['-Wl,--version'], context);
    const library = await command(compiler, ['-print-file-name=libc.a'], context);
    const firstLines = [version, linker].map(({ stdout }) => stdout.split('\n')[0] ?? '');
    return [...firstLines, await hashFile(library.stdout.trim())].join('\n');
  } catch (error) {
    if (context.signal.aborted) throw error;
    throw new RigError(`the compiler for guest programs, ${compiler}, is missing or does not work`, {
      cause: error,
      remedy,
    });
  }
}
