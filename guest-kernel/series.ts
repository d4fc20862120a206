// SPDX-License-Identifier: MIT
/**
 * The patch series and the git tree it is applied to.
 *
 * `patches/` holds `git format-patch` output, applied in the order of the file names. Patches whose subject begins
 * with `rig:` are numbered from 0901 and come last, so that the others, numbered from 0001, can grow without
 * renaming them. What git writes into a patch depends only on the commits (no versions, no commit ids, full
 * blob ids), so that an unchanged series regenerates byte for byte.
 */
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { RigError } from '../emulator/machine/errors.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { makeTemporaryFolder } from '../emulator/host/node/temporary.js';
import { command, type CommandOptions, type CommandResult } from '../emulator/host/node/process.js';

export interface Patch {
  /** `0001-subject.patch`. */
  readonly file: string;
  readonly text: string;
}

/** Subject prefix of the patches that only the rig needs. */
export const RIG_PREFIX = 'rig:';
const FIRST_NUMBER = { series: 1, rig: 901 } as const;
/** The pristine tree, in a tree that {@link openTree} made. */
export const BASE_TAG = 'pristine';

const DATE = '2026-01-01T00:00:00Z';
const NAME = 'Snapback maintainers';
const EMAIL = 'maintainers@snapback.invalid';
const IDENTITY = {
  GIT_AUTHOR_NAME: NAME,
  GIT_AUTHOR_EMAIL: EMAIL,
  GIT_AUTHOR_DATE: DATE,
  GIT_COMMITTER_NAME: NAME,
  GIT_COMMITTER_EMAIL: EMAIL,
  GIT_COMMITTER_DATE: DATE,
};
/** The user's own git settings must not change what is applied or written. */
export const ISOLATED = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C.UTF-8', TZ: 'UTC' };

/** What a patch changes, without its message: another message makes no other kernel. */
export function changesOf(text: string): string {
  const from = text.indexOf('\ndiff --git ');
  return from < 0 ? text : text.slice(from + 1);
}

/** The patches of a folder in the order in which they are applied. */
export async function readSeries(dir: string): Promise<readonly Patch[]> {
  if (!existsSync(dir)) return [];
  const files = (await readdir(dir)).filter((file) => file.endsWith('.patch')).sort();
  const patches = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(join(dir, file), 'utf8') })),
  );
  checkOrder(patches);
  return patches;
}

/**
 * The order that {@link regenerateSeries} keeps: numbers without gaps from 0001, the rig's own from 0901 and last.
 * @throws RigError that names the patch with a wrong number.
 */
export function checkOrder(patches: readonly Patch[]): void {
  const next: Record<keyof typeof FIRST_NUMBER, number> = { ...FIRST_NUMBER };
  for (const { file, text } of patches) {
    const kind = isRigSubject(subjectOf(text)) ? 'rig' : 'series';
    const number = Number(/^(\d{4})-/.exec(file)?.[1] ?? Number.NaN);
    if (number !== next[kind]) {
      throw new RigError(
        `guest-kernel/patches/${file}: the next ${kind === 'rig' ? '"rig:" patch' : 'patch'} must be number ${String(next[kind]).padStart(4, '0')}`,
        {
          remedy: 'let tools/kernel.ts regenerate write the series',
        },
      );
    }
    next[kind] += 1;
  }
}

/** The files that a patch touches, relative to the tree. */
export function touchedFiles(patchText: string): readonly string[] {
  const files = new Set<string>();
  for (const [, from, to] of patchText.matchAll(/^diff --git a\/(\S+) b\/(\S+)$/gm)) {
    if (from !== undefined) files.add(from);
    if (to !== undefined) files.add(to);
  }
  return [...files].sort();
}

/**
 * Makes a git repository of `tree` and applies the series with `git am`.
 * `whole: true` commits all of the pristine tree, for work on it. Otherwise only the files that the series touches are
 * committed, which is fast and enough for a build.
 * @throws RigError naming the patch that does not apply.
 */
export async function openTree(
  tree: string,
  patches: readonly Patch[],
  context: BuildContext,
  { whole }: { readonly whole: boolean },
): Promise<void> {
  const git = gitIn(tree, context);
  await git(['init', '-q', '-b', 'snapback', '.']);
  await git(['config', 'core.looseCompression', whole ? '0' : '1']);
  await git(['config', 'core.fsync', 'none']);
  await git(['config', 'gc.auto', '0']);
  await git(['config', 'user.name', NAME]);
  await git(['config', 'user.email', EMAIL]);
  const touched = new Set(patches.flatMap(({ text }) => touchedFiles(text)));
  const present = [...touched].filter((file) => existsSync(join(tree, file)));
  if (whole) await git(['add', '-A', '-f', '.']);
  else if (present.length > 0) await git(['add', '-f', '--', ...present]);
  await git(['commit', '-q', '--allow-empty', '-m', 'Pristine kernel source']);
  await git(['tag', BASE_TAG]);
  await applySeries(tree, patches, context);
}

/**
 * Makes a commit of each patch, on top of what is checked out in `tree`. One call of git takes them all, because git needs longer to
 * start than to apply a patch. After a failure, the patches before the one that does not apply are commits.
 * @throws RigError naming the patch that does not apply.
 */
export async function applySeries(tree: string, patches: readonly Patch[], context: BuildContext): Promise<void> {
  if (patches.length === 0) return;
  const git = gitIn(tree, context);
  const all = patches.map(({ text }) => text).join('');
  try {
    await git(['am', '--quiet', '--committer-date-is-author-date', '--whitespace=error-all'], all);
  } catch (error) {
    if (context.signal.aborted) throw error;
    const number = Number(await readFile(await unfinished(git, 'next'), 'utf8').catch(() => ''));
    const { file } = patches[number - 1] ?? {};
    throw new RigError(
      `${file === undefined ? 'the series' : `guest-kernel/patches/${file}`} does not apply: ${(error as Error).message}`,
      { cause: error, remedy: 'rebase the series with tools/kernel.ts open on this kernel version' },
    );
  }
}

/** Where git keeps a file of the `git am` that it has not finished. */
async function unfinished(git: Git, name: string): Promise<string> {
  return (await git(['rev-parse', '--path-format=absolute', '--git-path', `rebase-apply/${name}`])).stdout.trim();
}

export interface Commit {
  readonly id: string;
  readonly subject: string;
}

/** The commits of an opened tree that make the series, the first patch first. */
export async function commitsOf(tree: string, context: BuildContext): Promise<readonly Commit[]> {
  const log = (await gitIn(tree, context)(['log', '--reverse', '--format=%H %s', `${BASE_TAG}..HEAD`])).stdout.trim();
  return log === ''
    ? []
    : log
        .split('\n')
        .map((line) => ({ id: line.slice(0, line.indexOf(' ')), subject: line.slice(line.indexOf(' ') + 1) }));
}

/** A commit as one line, for people. */
export const titleOf = ({ id, subject }: Commit): string => `${id.slice(0, 12)} ${subject}`;

/**
 * The series as the commits of an opened tree describe it.
 * @throws RigError when work is not committed, or a patch of the rig does not come last.
 */
export async function exportSeries(tree: string, context: BuildContext): Promise<readonly Patch[]> {
  const git = gitIn(tree, context);
  const dirty = (await git(['status', '--porcelain', '--untracked-files=normal'])).stdout.trim();
  if (dirty !== '') {
    throw new RigError(`${tree} has changes that no commit holds:\n${dirty}`, {
      remedy: 'commit them, or amend the commit they belong to',
    });
  }
  const commits = await commitsOf(tree, context);
  const firstRig = commits.findIndex(({ subject }) => isRigSubject(subject));
  const rigCount = firstRig < 0 ? 0 : commits.length - firstRig;
  const misplaced = firstRig < 0 ? undefined : commits.slice(firstRig).find(({ subject }) => !isRigSubject(subject));
  if (misplaced) {
    throw new RigError(`the commit "${misplaced.subject}" comes after a "${RIG_PREFIX}" commit`, {
      remedy: `git rebase -i ${BASE_TAG}, and move it up`,
    });
  }
  const texts = await formatPatches(git);
  return commits.map((_, index) => {
    const inRig = index >= commits.length - rigCount;
    const number = inRig ? FIRST_NUMBER.rig + index - firstRig : FIRST_NUMBER.series + index;
    return named(texts[index] ?? '', number);
  });
}

/** Writes the commits of `tree` to `dir`, and returns the names of the files that were changed, added or removed. */
export async function regenerateSeries(tree: string, dir: string, context: BuildContext): Promise<readonly string[]> {
  const patches = await exportSeries(tree, context);
  const changed: string[] = [];
  for (const { file, text } of patches) {
    const path = join(dir, file);
    if (existsSync(path) && (await readFile(path, 'utf8')) === text) continue;
    await writeFile(path, text);
    changed.push(file);
  }
  const kept = new Set(patches.map(({ file }) => file));
  for (const file of await readdir(dir)) {
    if (!file.endsWith('.patch') || kept.has(file)) continue;
    await rm(join(dir, file));
    changed.push(file);
  }
  return changed.sort();
}

type Git = (
  args: readonly string[],
  input?: string | Uint8Array,
  okStatuses?: CommandOptions['okStatuses'],
) => Promise<CommandResult>;

/**
 * Git in the folder `tree`, without the user's own git configuration. `remedy` is that of a failure, `okStatuses` are the
 * exit statuses that are none. `env` is added to git's environment.
 */
export function gitIn(
  tree: string,
  context: BuildContext,
  remedy = 'install git',
  env: Readonly<Record<string, string>> = {},
): Git {
  return (args, input, okStatuses = [0]) =>
    command('git', args, context, {
      cwd: tree,
      // A folder that is no git tree (any more) must not be taken for a part of one around it.
      env: { ...ISOLATED, ...IDENTITY, GIT_CEILING_DIRECTORIES: dirname(resolve(tree)), ...env },
      remedy,
      okStatuses,
      ...(input === undefined ? {} : { input }),
    });
}

/** The commits since the pristine tree as patches, whose contents depend on the commits alone. */
async function formatPatches(git: Git): Promise<readonly string[]> {
  const format = [
    'format-patch',
    `${BASE_TAG}..HEAD`,
    '--no-numbered',
    '--zero-commit',
    '--no-signature',
    '--full-index',
    '--no-renames',
    '--stat=72',
    '--diff-algorithm=histogram',
  ];
  // One file for each: any line of a patch could also be that of a message.
  const dir = await makeTemporaryFolder('snapback-series-');
  try {
    await git([...format, '-q', '-o', dir]);
    const files = (await readdir(dir)).sort();
    return await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8')));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A patch under the name that its number and its subject give it. */
function named(text: string, number: number): Patch {
  const slug = subjectOf(text)
    .replaceAll(/[^A-Za-z0-9_.]+/g, '-')
    .replaceAll(/^-|[-.]+$/g, '')
    .slice(0, 52)
    .replaceAll(/[-.]+$/g, '');
  return { file: `${String(number).padStart(4, '0')}-${slug}.patch`, text };
}

/** The subject line of a patch without `[PATCH]`, unfolded. */
function subjectOf(text: string): string {
  const [, subject = ''] = /^Subject: (?:\[PATCH[^\]]*\] )?((?:.*)(?:\n[ \t].*)*)/m.exec(text) ?? [];
  return subject.replaceAll(/\n[ \t]+/g, ' ').trim();
}

/** A patch that only the rig needs. */
export const isRigPatch = ({ text }: Pick<Patch, 'text'>): boolean => isRigSubject(subjectOf(text));

function isRigSubject(subject: string): boolean {
  return subject.startsWith(RIG_PREFIX);
}
