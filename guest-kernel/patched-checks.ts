// SPDX-License-Identifier: MIT
/**
 * What the kernel's own tools complain about in patches: checkpatch about each patch, sparse and kernel-doc about the files that the
 * patches touch, as far as they did not complain before.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { obtain } from '../emulator/host/node/artifacts/store.js';
import { command } from '../emulator/host/node/process.js';
import { touchedBy } from '../emulator/validate/patch-text.js';
import type { ToolComplaints } from '../emulator/validate/validation.js';
import { configureTree, kernelRecipe, kernelSpec, makeVariables, type KernelKind } from './build.js';
import { checkpatch } from './checkpatch.js';
import { complaintsOf, newComplaints } from './each-text.js';
import type { Change } from './patch-mail.js';
import { applyChanges } from './patched-tree.js';
import { inputsOf, inTree } from './patched.js';
import { builtObjects, kernelDocComplaints } from './source-checks.js';
import { findSource } from './source.js';

const COMPLAINTS = 'complaints.json';
/** To be changed when this file would say other things of the same patches. */
const CHECKS_VERSION = '2';

/**
 * The complaints about `changes`, which must apply and build, from the cache or made now. Tools that are content are left out.
 * @throws RigError when a tool is missing.
 */
export async function obtainComplaints(
  kind: KernelKind,
  changes: readonly Change[],
  context: BuildContext,
): Promise<readonly ToolComplaints[]> {
  // A tree is no patch: all of it is the user's.
  if (changes.some(({ tree }) => tree !== undefined)) return [];
  const source = await findSource(context);
  const base = await kernelRecipe(kind, source, context);
  const artifact = await obtain(
    {
      name: `${base.name}-checks`,
      inputs: {
        ...base.inputs,
        checks: CHECKS_VERSION,
        ...inputsOf(changes.map(({ head = '', diff }) => `${head}\0${diff}`)),
      },
      build: (dir, scratch, inner) =>
        inTree(kind, base.inputs, scratch, inner, async (tree, lock) => {
          const files = [...new Set(changes.flatMap(({ diff }) => touchedBy(diff).map(({ path }) => path)))];
          // Without what an earlier build has applied.
          await applyChanges(tree, [], inner);
          const ofPatches = await aboutPatches(tree, changes, scratch, inner);
          const look = async (): Promise<Readonly<Record<'sparse' | 'kernel-doc', readonly string[]>>> => ({
            sparse: await aboutObjects(tree, kind, files, inner, lock),
            'kernel-doc': await kernelDocComplaints(
              tree,
              files.filter((file) => /\.[ch]$/.test(file)),
              inner,
            ),
          });
          const before = await look();
          await applyChanges(tree, changes, inner);
          const after = await look();
          const all: readonly ToolComplaints[] = [
            { tool: 'checkpatch', lines: ofPatches },
            { tool: 'sparse', lines: newComplaints(before.sparse, after.sparse) },
            { tool: 'kernel-doc', lines: newComplaints(before['kernel-doc'], after['kernel-doc']) },
          ];
          await writeFile(join(dir, COMPLAINTS), JSON.stringify(all.filter(({ lines }) => lines.length > 0)));
        }),
    },
    context,
  );
  return JSON.parse(await readFile(join(artifact.dir, COMPLAINTS), 'utf8')) as readonly ToolComplaints[];
}

async function aboutPatches(
  tree: string,
  changes: readonly Change[],
  scratch: string,
  context: BuildContext,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { name, head, diff } of changes) {
    context.progress(`checkpatch: ${name}`);
    const file = join(scratch, 'checked.patch');
    await writeFile(file, Buffer.concat([Buffer.from(`${head ?? ''}---\n`), Buffer.from(diff, 'latin1')]));
    const said = await checkpatch(tree, [file], context, head !== undefined);
    if (said !== '') lines.push(name, ...said.split('\n').flatMap((line) => (line === '' ? [] : [`  ${line}`])));
  }
  return lines;
}

/** Complaints of sparse about those of `files` that are compiled. Only headers and Kconfig of the tree need to be made before. */
async function aboutObjects(
  tree: string,
  kind: KernelKind,
  files: readonly string[],
  context: BuildContext,
  lock: string,
): Promise<readonly string[]> {
  const spec = await kernelSpec(kind);
  await configureTree(tree, spec.arch, spec.options, context);
  const objects = await builtObjects(
    tree,
    join(tree, '.config'),
    files.filter((file) => file.endsWith('.c')),
    (object) => existsSync(join(tree, object)),
  );
  if (objects.length === 0) return [];
  context.progress(`sparse: ${objects.join(', ')}`);
  const { stdout, stderr } = await command('make', ['C=2', 'CHECK=sparse', ...objects], context, {
    cwd: tree,
    env: makeVariables(spec.arch),
    lock,
    remedy: 'install sparse',
  });
  // Those with the name of an option are the compiler's, whose warnings are known from the whole build.
  return complaintsOf(`${stdout}\n${stderr}`).filter(
    (line) => files.some((file) => line.includes(file)) && !/\[-W[\w=+-]+\]$/.test(line),
  );
}
