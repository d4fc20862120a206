// SPDX-License-Identifier: MIT
/**
 * Kernels with patches that a user has: on top of the series, in a tree that is kept, so that only what a patch changes
 * is compiled.
 *
 * The tree is unfinished work of the cache (`artifacts/kept.ts`): it is removed when nobody has used it for a day, after a
 * restart of the host, and by `snapback clean`. The kernels are artifacts.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { keptWork } from '../emulator/host/node/artifacts/kept.js';
import { lockFile } from '../emulator/host/node/artifacts/lock.js';
import { obtain, recipeKey } from '../emulator/host/node/artifacts/store.js';
import { RigError } from '../emulator/machine/errors.js';
import { errorText, firstError, warningsAfter, warningsIn, type KnownWarnings } from '../emulator/validate/compiler.js';
import {
  CompileError,
  compileTree,
  configureTree,
  copyKernel,
  kernelRecipe,
  kernelSpec,
  kindName,
  type KernelKind,
} from './build.js';
import type { Change } from './patch-mail.js';
import { applyChanges, goToSeries, openPatchedTree } from './patched-tree.js';
import { findSource, obtainSource, unpackSource } from './source.js';

const WARNINGS = 'warnings.json';

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
  /** All warnings of the compiler about this kernel; without patches, it has none. */
  readonly warnings: readonly string[];
}

/**
 * The kernel of the series with `changes`, from the cache or built now.
 * @throws InputError that names the patch that does not apply, with file and line; PatchesDoNotBuild; RigError when the
 *   host is at fault.
 */
export async function obtainPatchedKernel(
  kind: KernelKind,
  changes: readonly Change[],
  context: BuildContext,
): Promise<PatchedKernel> {
  const source = await findSource(context);
  const base = await kernelRecipe(kind, source, context);
  const artifact = await obtain(
    {
      name: `${base.name}-patched`,
      inputs: {
        ...base.inputs,
        ...Object.fromEntries(changes.map(({ diff }, index) => [`changes/${String(index).padStart(4, '0')}`, diff])),
      },
      build: async (dir, scratch, inner) => {
        // Another series or configuration goes on with the same tree.
        const { builder = '', environment = '', source: from = '', tools = '' } = base.inputs;
        const name = `validation-${kind.arch}-${kind.flavour}`;
        const key = recipeKey({ name, inputs: { builder, environment, source: from, tools } });
        const home = join(inner.cacheDir, `${name}-${key}`);
        const release = await lockFile(`${home}.lock`, inner.signal, (pid) =>
          inner.progress(`waiting for process ${pid}, which is building in the same tree`),
        );
        try {
          const kept = keptWork(home, scratch);
          const tree = await kept.folder('linux', async (fresh) => {
            inner.progress(`a tree for patches: unpacking the source of ${source.version}`);
            await unpackSource(await obtainSource(source, inner), fresh, inner, { whole: true });
            await openPatchedTree(fresh, inner);
          });
          await goToSeries(tree, (await kernelSpec(kind)).patches, scratch, inner);
          await applyChanges(tree, changes, inner);
          const warnings = await build(tree, kind, inner, kept.lock);
          await Promise.all([
            copyKernel(tree, dir),
            writeFile(join(dir, WARNINGS), JSON.stringify(warningsIn(warnings))),
          ]);
        } finally {
          await release();
        }
      },
    },
    context,
  );
  const warnings = JSON.parse(await readFile(join(artifact.dir, WARNINGS), 'utf8')) as readonly string[];
  return { name: basename(artifact.dir), dir: artifact.dir, sha256: artifact.sha256['bzImage'] ?? '', warnings };
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

/**
 * Keeps beside `tree` the warnings of all its files, while `work` tells what make prints in it, also when make fails or is
 * interrupted: what it has compiled by then is not compiled again.
 */
export async function withWarnings(
  tree: string,
  work: (onLine: (line: string) => void) => Promise<void>,
): Promise<KnownWarnings> {
  const file = join(dirname(tree), WARNINGS);
  const known = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as KnownWarnings,
    () => ({}),
  );
  // Earlier patches may have had files of their own.
  const isThere = (unit: string): boolean => ['.c', '.S', ''].some((end) => existsSync(join(tree, unit + end)));
  const before = Object.fromEntries(Object.entries(known).filter(([unit]) => isThere(unit)));
  const log: string[] = [];
  const save = async (): Promise<KnownWarnings> => {
    const warnings = warningsAfter(before, log);
    await writeFile(file, JSON.stringify(warnings));
    return warnings;
  };
  try {
    await work((line) => void log.push(line));
  } catch (error) {
    await save();
    throw error;
  }
  return save();
}
