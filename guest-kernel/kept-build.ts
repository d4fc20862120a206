// SPDX-License-Identifier: MIT
/**
 * Builds kernels in trees that are kept, so that only what has changed is compiled.
 *
 * Such a tree is unfinished work of the cache (`artifacts/kept.ts`): it is removed when nobody has used it for a day, after a restart of the
 * host, and by `snapback clean`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { keptWork } from '../emulator/host/node/artifacts/kept.js';
import { lockFile } from '../emulator/host/node/artifacts/lock.js';
import { recipeKey, type Artifact, type Recipe } from '../emulator/host/node/artifacts/store.js';
import { RigError } from '../emulator/machine/errors.js';
import { errorText, firstError, warningsIn, type KnownWarnings } from '../emulator/validate/compiler.js';
import {
  CompileError,
  compileTree,
  configureTree,
  copyKernel,
  kernelSpec,
  kindName,
  type KernelKind,
} from './build.js';
import { WARNINGS, withWarnings } from './warnings.js';

/** The patches do not make a kernel: the fault is theirs. */
export class PatchesDoNotBuild extends Error {
  constructor(
    /** `kernel/power/snapshot.c, line 12: unknown type name 'x'`. */
    readonly where: string,
    /** The last lines of the build. */
    readonly details: readonly string[],
  ) {
    super(`the kernel does not build: ${where}`);
    this.name = 'PatchesDoNotBuild';
  }
}

export interface PatchedKernel {
  /** The name of the artifact's folder in the cache. */
  readonly name: string;
  /** A folder with bzImage, System.map and config. */
  readonly dir: string;
  /** SHA-256 (hex) of the bzImage. */
  readonly sha256: string;
  /** All warnings of the compiler about this kernel. */
  readonly warnings: readonly string[];
}

/** An artifact as the kernel that it is. */
export async function patchedArtifact({ dir, sha256 }: Artifact): Promise<PatchedKernel> {
  const warnings = JSON.parse(await readFile(join(dir, WARNINGS), 'utf8')) as readonly string[];
  return { name: basename(dir), dir, sha256: sha256['bzImage'] ?? '', warnings };
}

/** Does `work` while no other process uses the tree of this identity. `place`: its name for `artifacts/kept.ts`. */
export async function withTreeAlone(
  identity: Pick<Recipe, 'name' | 'inputs'>,
  context: BuildContext,
  work: (place: string) => Promise<void>,
): Promise<void> {
  const place = join(context.cacheDir, `${identity.name}-${recipeKey(identity)}`);
  const release = await lockFile(`${place}.lock`, context.signal, (pid) =>
    context.progress(`waiting for process ${pid}, which is building in the same tree`),
  );
  try {
    await work(place);
  } finally {
    await release();
  }
}

/**
 * Does `work` in a tree that is kept in the cache, alone. Equal `identity` is the same tree. The first time, `prepare` fills it. The lock is for
 * programs that write to the tree.
 */
export async function inKeptTree(
  identity: Pick<Recipe, 'name' | 'inputs'>,
  scratch: string,
  context: BuildContext,
  prepare: (fresh: string) => Promise<void>,
  work: (tree: string, lock: string) => Promise<void>,
): Promise<void> {
  await withTreeAlone(identity, context, async (place) => {
    const kept = keptWork(place, scratch);
    await work(await kept.folder('linux', prepare), kept.lock);
  });
}

/**
 * Builds the kernel in `tree`, and puts what a {@link PatchedKernel} has into the folder `dir`.
 * @throws PatchesDoNotBuild; RigError when the host is at fault.
 */
export async function buildInto(
  dir: string,
  tree: string,
  kind: KernelKind,
  context: BuildContext,
  lock: string,
): Promise<void> {
  const warnings = warningsIn(await build(tree, kind, context, lock));
  await Promise.all([copyKernel(tree, dir), writeFile(join(dir, WARNINGS), JSON.stringify(warnings))]);
}

/** Builds in `tree`, and returns the warnings of all its files. */
async function build(tree: string, kind: KernelKind, context: BuildContext, lock: string): Promise<KnownWarnings> {
  const spec = await kernelSpec(kind);
  try {
    await configureTree(tree, spec.arch, spec.options, context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof RigError)) throw error;
    throw new PatchesDoNotBuild(
      `the configuration: ${error.message.split('\n', 1)[0] ?? ''}`,
      error.message.split('\n'),
    );
  }
  try {
    await mkdir(dirname(lock), { recursive: true });
    return await withWarnings(tree, async (onLine) => {
      await compileTree(tree, { ...spec, title: `${kindName(kind)} with patches` }, context, lock, onLine);
    });
  } catch (error) {
    const first = error instanceof CompileError ? firstError(error.log) : undefined;
    // Without an error of the compiler, the host may be at fault: a full disk, a missing program.
    if (!(error instanceof CompileError) || first === undefined) throw error;
    const at = error.log.findIndex((line) => line.includes(first.message));
    throw new PatchesDoNotBuild(errorText(first), error.log.slice(Math.max(0, at - 1), at + 8));
  }
}
