// SPDX-License-Identifier: MIT
/**
 * The tree in which kernels with patches of a user are built. It goes from one version of the series to another, and from
 * one set of patches to another. Files that are the same before and after keep their time, so that make does not compile
 * them again.
 *
 * Git knows only the files that the series or a patch touches: to add all others would take a minute.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { InputError } from '../emulator/machine/errors.js';
import { conflictIn, touchedBy } from '../emulator/validate/patch-text.js';
import type { Change } from './patch-mail.js';
import { applySeries, BASE_TAG, gitIn, openTree, touchedFiles, type Patch } from './series.js';

/** The series, to which the tree goes back before other patches are applied. */
const SERIES_TAG = 'series';
/** Beside the tree: a digest of the series in it. */
export const SERIES = 'series.sha256';
/** Beside the tree: the files that the patches of the last build have made. */
const MADE = 'made.json';
const REMEDY = 'remove the tree with `snapback clean`; the next run makes another';

/** Makes a tree of the unpacked source in `tree`. The series is not in it yet. */
export async function openPatchedTree(tree: string, context: BuildContext): Promise<void> {
  await openTree(tree, [], context, { whole: false });
  await gitIn(tree, context)(['tag', SERIES_TAG]);
}

/** `tree` is one of the series `patches` and nothing else, made by {@link openTree}: from now on, other patches may come on top of it. */
export async function takeSeriesTree(tree: string, patches: readonly Patch[], context: BuildContext): Promise<void> {
  await gitIn(tree, context)(['tag', '-f', SERIES_TAG]);
  await writeFile(join(dirname(tree), SERIES), digestOf(patches));
}

const digestOf = (patches: readonly Patch[]): string =>
  patches.reduce((hash, { text }) => hash.update(text).update('\0'), createHash('sha256')).digest('hex');

/**
 * Makes the tree that of the series `patches`, which is applied in a folder under `scratch`.
 * @throws RigError naming the patch that does not apply.
 */
export async function goToSeries(
  tree: string,
  patches: readonly Patch[],
  scratch: string,
  context: BuildContext,
): Promise<void> {
  const digest = digestOf(patches);
  const record = join(dirname(tree), SERIES);
  if ((await readFile(record, 'utf8').catch(() => '')) === digest) return;
  context.progress('a tree for patches: applying the series');
  const git = gitIn(tree, context, REMEDY);
  await goBack(
    tree,
    patches.flatMap(({ text }) => touchedFiles(text)),
    context,
  );
  const next = join(scratch, 'series');
  // One of a killed process is gone, and git still knows it.
  await git(['worktree', 'prune']);
  await git(['worktree', 'add', '-q', '--detach', next, BASE_TAG]);
  try {
    await applySeries(next, patches, context);
    const { stdout } = await gitIn(next, context)(['rev-parse', 'HEAD']);
    await git(['tag', '-f', SERIES_TAG, stdout.trim()]);
    await git(['reset', '-q', '--hard', SERIES_TAG]);
  } finally {
    await git(['worktree', 'remove', '--force', next], undefined, 'any');
  }
  await writeFile(record, digest);
}

/** Takes back what is applied on top of the series. From then on, git knows `paths`. */
async function goBack(tree: string, paths: readonly string[], context: BuildContext): Promise<void> {
  await gitIn(tree, context, REMEDY)(['reset', '-q', '--hard', SERIES_TAG]);
  await removeMade(tree, context);
  await track(tree, paths, context);
}

/**
 * Adds those of `paths` that the tree has and git does not know, to the pristine tree and to the series. Nobody has changed
 * them yet.
 */
async function track(tree: string, paths: readonly string[], context: BuildContext): Promise<void> {
  const git = gitIn(tree, context, REMEDY);
  const tracked = new Set((await git(['ls-files', '-z'])).stdout.split('\0'));
  const wanted = [...new Set(paths)].filter(
    (path) => isInside(path) && !tracked.has(path) && existsSync(join(tree, path)),
  );
  if (wanted.length === 0) return;
  // An index of its own: that of the tree keeps the times of its files.
  const index = join(dirname(tree), 'pristine.index');
  const pristine = gitIn(tree, context, REMEDY, { GIT_INDEX_FILE: index });
  await pristine(['read-tree', BASE_TAG]);
  await pristine(['update-index', '--add', '--', ...wanted]);
  const { stdout: written } = await pristine(['write-tree']);
  const { stdout: commit } = await pristine(['commit-tree', '-m', 'Pristine kernel source', written.trim()]);
  await rm(index);
  await git(['add', '-f', '--', ...wanted]);
  await git(['commit', '-q', '-m', 'More files of the pristine source']);
  await git(['tag', '-f', SERIES_TAG]);
  await git(['tag', '-f', BASE_TAG, commit.trim()]);
}

/**
 * Makes the tree that of the series with `changes`.
 * @throws InputError that names the patch that does not apply, with file and line.
 */
export async function applyChanges(tree: string, changes: readonly Change[], context: BuildContext): Promise<void> {
  const git = gitIn(tree, context, REMEDY);
  const touched = changes.flatMap(({ diff }) => touchedBy(diff));
  await goBack(
    tree,
    touched.map(({ path }) => path),
    context,
  );
  await writeFile(
    join(dirname(tree), MADE),
    JSON.stringify(touched.flatMap(({ path, isNew }) => (isNew && isInside(path) ? [path] : []))),
  );
  for (const { name, diff, subject } of changes) {
    context.progress(`applying ${name}`);
    const { status, stderr } = await git(['apply', '--index', '--whitespace=nowarn', '-'], bytesOf(diff), 'any');
    if (status !== 0) throw await doesNotApply(tree, { name, diff }, stderr, context);
    await git(['commit', '-q', '--allow-empty', '--no-verify', '-m', subject === '' ? name : subject]);
  }
}

const bytesOf = (diff: string): Uint8Array => Buffer.from(diff, 'latin1');

/** A path that leads out of the tree is left to git, which refuses it. */
const isInside = (path: string): boolean => !path.startsWith('/') && !path.split('/').includes('..');

/** Removes what an interrupted build has made and not committed: git does not know it. */
async function removeMade(tree: string, context: BuildContext): Promise<void> {
  const file = join(dirname(tree), MADE);
  if (!existsSync(file)) return;
  const tracked = new Set((await gitIn(tree, context)(['ls-files', '-z'])).stdout.split('\0'));
  for (const path of JSON.parse(await readFile(file, 'utf8')) as readonly string[])
    if (!tracked.has(path)) await rm(join(tree, path), { force: true });
}

async function doesNotApply(
  tree: string,
  { name, diff }: Pick<Change, 'name' | 'diff'>,
  stderr: string,
  context: BuildContext,
): Promise<InputError> {
  const back = await gitIn(tree, context)(['apply', '--check', '--reverse', '-'], bytesOf(diff), 'any');
  return new InputError(`${name} does not apply: ${conflictIn(stderr)}`, {
    remedy:
      back.status === 0
        ? 'leave the patch out: the tree has all of its changes already'
        : 'rebase it on the tree that `node tools/run.mjs tools/kernel.ts open DIR` makes (with `--base pristine` for a patch that is meant for that), and name the patches that it needs before it',
  });
}
