// SPDX-License-Identifier: MIT
/**
 * Checks that each patch of the series builds. It goes through the commits of an opened tree, in a work tree beside it,
 * and builds a small kernel (each.config) at every commit. The quick way builds only the objects that any patch
 * touches, and searches their symbols for what the linker would miss. New source files must have no complaints of W=1,
 * sparse and kernel-doc; all others must have no more than before the series. At the end of the series the same is
 * built with the options of the series off, and the objects that it touches are built for x86_64.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../emulator/machine/errors.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { packagePath } from '../emulator/host/node/paths.js';
import { command } from '../emulator/host/node/process.js';
import { parseFragment, renderConfig, requireOptions, type ConfigOption } from './config.js';
import { addedOptions, complaintsOf, missingSymbols, newComplaints, symbolsIn, type Linkage } from './each-text.js';
import { BASE_TAG, commitsOf, titleOf } from './series.js';
import { builtObjects, kernelDocComplaints } from './source-checks.js';
import { git, workTree } from './worktree.js';

export interface Complaint {
  /** Abbreviated commit and its subject, or the name of a build at the end of the series. */
  readonly at: string;
  readonly lines: readonly string[];
}

interface Places {
  readonly source: string;
  readonly i386: string;
  readonly x86: string;
}

type Arch = 'i386' | 'x86_64';

/** All problems of the commits of `tree`. The first commit that does not build ends the search. `quick`: as above. */
export async function checkEach(
  tree: string,
  { quick }: { readonly quick: boolean },
  context: BuildContext,
): Promise<readonly Complaint[]> {
  const places = await prepare(tree, context);
  const options = parseFragment({
    file: 'guest-kernel/each.config',
    text: await readFile(packagePath('guest-kernel', 'each.config'), 'utf8'),
  });
  const commits = await commitsOf(tree, context);
  const complaints: Complaint[] = [];
  const found = (at: string, lines: readonly string[]): void =>
    void (lines.length > 0 && complaints.push({ at, lines }));
  const touched = await touchedSources(tree, context);
  const build = async (): Promise<Built> =>
    make(places, 'i386', quick ? await buildable(places, 'i386', touched) : ['vmlinux'], context);
  const linkage: Linkage[] = [];

  for (const [index, patch] of commits.entries()) {
    const { id } = patch;
    const at = titleOf(patch);
    context.progress(`${index + 1} of ${commits.length}: ${at}`);
    await git(places.source, ['checkout', '-q', '--detach', id], context);
    await configure(places, 'i386', options, context);
    const built = await build();
    found(at, built.complaints);
    if (!built.ok) return complaints;
    if (quick) linkage.push({ at, ...(await symbolsOf(places, await buildable(places, 'i386', touched), context)) });
    found(at, await lookClosely(places, await newFiles(tree, id, context), context));
  }
  for (const { at, missing } of missingSymbols(linkage))
    found(
      at,
      missing.map((symbol) => `undefined until a later patch: ${symbol}`),
    );
  requireOptions(options, await readFile(join(places.i386, '.config'), 'utf8'));
  found('kernel-doc', await documentationComplaints(tree, places, context));
  const optionsAdded = addedOptions(await git(tree, ['diff', `${BASE_TAG}..HEAD`], context));
  context.progress(`without ${optionsAdded.length} options of the series`);
  await configure(
    places,
    'i386',
    options.filter(({ name }) => !optionsAdded.includes(name)),
    context,
  );
  found('with the options of the series off', (await build()).complaints);
  found('x86_64', await compileFor64(places, touched, options, context));
  return complaints;
}

/** The work tree and the output folders, all of them beside the tree. */
async function prepare(tree: string, context: BuildContext): Promise<Places> {
  const beside = `${tree}.each`;
  const places = {
    source: await workTree(tree, beside, context),
    i386: join(beside, 'i386'),
    x86: join(beside, 'x86_64'),
  };
  for (const folder of [places.i386, places.x86]) await mkdir(folder, { recursive: true });
  return places;
}

const folderOf = (places: Places, arch: Arch): string => (arch === 'i386' ? places.i386 : places.x86);

async function configure(
  places: Places,
  arch: Arch,
  options: readonly ConfigOption[],
  context: BuildContext,
): Promise<void> {
  const folder = folderOf(places, arch);
  const wanted = join(folder, '.wanted.config');
  await writeFile(wanted, renderConfig(options));
  await command('make', [`O=${folder}`, `ARCH=${arch}`, 'allnoconfig'], context, {
    cwd: places.source,
    env: { KCONFIG_ALLCONFIG: wanted },
    remedy: 'install flex, bison and bc',
  });
}

interface Built {
  readonly ok: boolean;
  /** Complaints of the compiler and the checkers. */
  readonly complaints: readonly string[];
}

/** Builds. Objects below arch/ are built one by one, because parallel makes would enter arch/x86/power by two ways. */
async function make(places: Places, arch: Arch, targets: readonly string[], context: BuildContext): Promise<Built> {
  const twofold = targets.filter((target) => target.startsWith('arch/'));
  const others = targets.filter((target) => !target.startsWith('arch/'));
  const first = await makeAll(places, arch, 1, twofold, context);
  const second = await makeAll(places, arch, availableParallelism(), others, context);
  return { ok: first.ok && second.ok, complaints: [...first.complaints, ...second.complaints] };
}

async function makeAll(
  places: Places,
  arch: Arch,
  jobs: number,
  targets: readonly string[],
  context: BuildContext,
): Promise<Built> {
  if (targets.every((target) => /^[A-Z]+=/.test(target))) return { ok: true, complaints: [] };
  const args = ['-k', `-j${jobs}`, `O=${folderOf(places, arch)}`, `ARCH=${arch}`, 'LOCALVERSION=', ...targets];
  const { status, stdout, stderr } = await command('make', args, context, {
    cwd: places.source,
    okStatuses: [0, 2],
    remedy: 'install build-essential, flex, bison, bc and libelf-dev',
  });
  const complaints = complaintsOf(`${stdout}\n${stderr}`);
  return {
    ok: status === 0,
    complaints: status === 0 ? complaints : [...complaints, ...stderr.trimEnd().split('\n').slice(-10)],
  };
}

/** Source files that the commit touches and that the series adds. */
async function newFiles(tree: string, commit: string, context: BuildContext): Promise<readonly string[]> {
  const list = async (args: readonly string[]): Promise<readonly string[]> =>
    (await git(tree, ['diff', '--name-only', ...args, '--', '*.c'], context))
      .split('\n')
      .filter((file) => file !== '' && !file.startsWith('tools/'));
  const [brought, touched] = await Promise.all([
    list(['--diff-filter=A', BASE_TAG, commit]),
    list(['--diff-filter=AM', `${commit}^`, commit]),
  ]);
  return touched.filter((file) => brought.includes(file));
}

/** W=1 checks kernel-doc comments, too. C=2 makes sparse check each file. */
async function lookClosely(
  places: Places,
  files: readonly string[],
  context: BuildContext,
): Promise<readonly string[]> {
  const objects = await buildable(places, 'i386', files);
  if (objects.length === 0) return [];
  const { complaints } = await make(places, 'i386', ['W=1', 'C=2', ...objects], context);
  // W=1 complains much about the kernel's own headers.
  return complaints.filter((line) => files.some((file) => line.includes(file)));
}

/** All source files that any patch of the series touches, except those of programs. */
async function touchedSources(tree: string, context: BuildContext): Promise<readonly string[]> {
  const names = await git(tree, ['diff', '--name-only', '--diff-filter=AM', BASE_TAG, 'HEAD', '--', '*.c'], context);
  return names.split('\n').filter((file) => file !== '' && !file.startsWith('tools/'));
}

/** The symbols that these objects define and need. */
async function symbolsOf(
  places: Places,
  objects: readonly string[],
  context: BuildContext,
): Promise<Omit<Linkage, 'at'>> {
  const { stdout } = await command('nm', ['-A', ...objects], context, { cwd: places.i386, remedy: 'install binutils' });
  return symbolsIn(stdout);
}

async function compileFor64(
  places: Places,
  touched: readonly string[],
  options: readonly ConfigOption[],
  context: BuildContext,
): Promise<readonly string[]> {
  context.progress('what the series touches, for x86_64');
  await configure(
    places,
    'x86_64',
    [...options, { name: 'CONFIG_64BIT', value: 'y', reason: 'x86_64', file: 'each.ts', line: 0 }],
    context,
  );
  const objects = await buildable(places, 'x86_64', touched);
  if (objects.length === 0)
    throw new InputError('the series touches no source file that x86_64 builds', {
      remedy: 'look at guest-kernel/each.config',
    });
  return (await make(places, 'x86_64', objects, context)).complaints;
}

/** The objects of those files that the configuration builds. */
function buildable(places: Places, arch: Arch, files: readonly string[]): Promise<readonly string[]> {
  const foreign = arch === 'x86_64' ? '_32.c' : '_64.c';
  const own = files.filter((file) => !file.endsWith(foreign));
  return builtObjects(places.source, join(folderOf(places, arch), '.config'), own, () => true);
}

/** New complaints of kernel-doc about the files that the series touches. */
async function documentationComplaints(
  tree: string,
  places: Places,
  context: BuildContext,
): Promise<readonly string[]> {
  const touched = (
    await git(tree, ['diff', '--name-only', '--diff-filter=AM', BASE_TAG, 'HEAD', '--', '*.c', '*.h'], context)
  )
    .split('\n')
    .filter((file) => file !== '');
  const look = async (commit: string): Promise<readonly string[]> => {
    await git(places.source, ['checkout', '-q', '--detach', commit], context);
    return kernelDocComplaints(places.source, touched, context);
  };
  const head = (await git(tree, ['rev-parse', 'HEAD'], context)).trim();
  const before = await look(BASE_TAG);
  return newComplaints(before, await look(head));
}
