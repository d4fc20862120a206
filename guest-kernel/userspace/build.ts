// SPDX-License-Identifier: MIT
/**
 * Builds the guest's own programs: static i386 binaries, byte for byte the same from the same sources
 * and compiler. The folder of the artifact holds them as `bin/<program>`.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../emulator/machine/errors.js';
import type { BuildContext } from '../../tools/artifacts/context.js';
import { packagePath } from '../../tools/artifacts/paths.js';
import { command } from '../../tools/artifacts/process.js';
import { type Artifact, obtain } from '../../tools/artifacts/store.js';

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
  // Nothing of where and when it was built may reach the bytes.
  '-Wl,--build-id=none',
  '-Wdate-time',
] as const;

/** Sources of each program, relative to this folder; a folder stands for all `.c` files right in it. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  /** /init of the initramfs. */
  'initramfs-init': ['init/initramfs-init.c', 'init/dm.c', 'lib'],
  /** /sbin/init of the root. */
  'rig-init': ['init/rig-init.c', 'init/shutdown.c', 'lib'],
  'rig-agent': ['agent', 'lib'],
  'rig-marker': ['marker', 'lib'],
  selfcheck: ['selfcheck', 'selfcheck/tests'],
};

/**
 * The artifact with all guest programs.
 * @throws RigError when the compiler is missing or a source does not compile.
 */
export async function obtainUserspace(context: BuildContext): Promise<Artifact> {
  const sources = await readSources(packagePath('guest-kernel/userspace'));
  const compiler = await compilerVersion(context);
  return obtain(
    {
      name: 'userspace',
      inputs: { ...sources, '#compiler': compiler, '#flags': FLAGS.join(' '), '#programs': JSON.stringify(PROGRAMS) },
      build: (dir) => build(dir, Object.keys(sources), context),
    },
    context,
  );
}

async function build(dir: string, sources: readonly string[], context: BuildContext): Promise<void> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  const names = Object.keys(PROGRAMS);
  for (const [index, name] of names.entries()) {
    context.progress(`compiling ${name}`, index / names.length);
    const files = (PROGRAMS[name] ?? []).flatMap((source) => (source.endsWith('.c') ? [source] : filesRightIn(source, sources)));
    // Compiled in place with relative names, so that __FILE__ is the same everywhere.
    await command(COMPILER, [...FLAGS, '-o', join(dir, 'bin', name), ...files], context, {
      cwd: packagePath('guest-kernel/userspace'),
      env: { LC_ALL: 'C' },
    });
  }
}

function filesRightIn(folder: string, sources: readonly string[]): readonly string[] {
  const pattern = new RegExp(`^${folder}/[^/]+\\.c$`);
  return sources.filter((path) => pattern.test(path));
}

/** All C sources and headers, by path relative to `root`, in a fixed order. */
async function readSources(root: string): Promise<Record<string, Uint8Array>> {
  const paths = (await readdir(root, { recursive: true })).filter((path) => /\.[ch]$/.test(path)).sort();
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path))] as const)));
}

async function compilerVersion(context: BuildContext): Promise<string> {
  try {
    // The C library is linked in, so it counts as much as the compiler.
    const version = await command(COMPILER, ['--version'], context);
    const library = await command(COMPILER, ['-print-file-name=libc.a'], context);
    return `${version.stdout.split('\n')[0] ?? ''}\n${await libraryVersion(library.stdout.trim())}`;
  } catch (error) {
    if (context.signal.aborted) throw error;
    throw new RigError(`the compiler for guest programs, ${COMPILER}, is missing or does not work`, {
      cause: error,
      remedy: COMPILER_REMEDY,
    });
  }
}

async function libraryVersion(path: string): Promise<string> {
  return createHash('sha256').update(await readFile(path)).digest('hex');
}
