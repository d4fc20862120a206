// SPDX-License-Identifier: MIT
/**
 * The guest's kernel: Debian's 6.12 source, our series, our fragments, one bzImage per flavour and architecture.
 *
 * The result depends only on the artifact's inputs: the tree is built in place (relative paths), and time,
 * user, host and build number are fixed.
 */
import { copyFile, readFile, readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  FLAVOUR_TRAITS,
  KERNEL_FLAVOURS,
  flavourOf,
  type KernelBase,
  type KernelFlavour,
} from '../emulator/cycle/plan.js';
import { RigError } from '../emulator/machine/errors.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { packagePath } from '../emulator/host/node/paths.js';
import { command, type CommandOptions } from '../emulator/host/node/process.js';
import type { Recipe } from '../emulator/host/node/artifacts/store.js';
import { mergeFragments, renderConfig, requireOptions, type ConfigOption, type Fragment } from './config.js';
import { keepWholeRecords } from './records.js';
import { addedOptions } from './each-text.js';
import { changesOf, openTree, readSeries, type Patch } from './series.js';
import { obtainSource, unpackSource, type SourcePackage } from './source.js';
import { withWarnings } from './warnings.js';

export { KERNEL_FLAVOURS, type KernelFlavour };

/** By the kernel's own names (`ARCH=`). */
export type KernelArch = 'i386' | 'x86_64';
export const KERNEL_ARCHS: readonly KernelArch[] = ['i386', 'x86_64'];

/** What is built of one source. */
export interface KernelKind {
  readonly flavour: KernelFlavour;
  readonly arch: KernelArch;
}

/** `release`, `release for x86_64`. */
export const kindName = ({ flavour, arch }: KernelKind): string =>
  arch === 'i386' ? flavour : `${flavour} for ${arch}`;

/** A kernel does not compile. */
export class CompileError extends RigError {
  constructor(
    message: string,
    /** What make has printed, line by line. */
    readonly log: readonly string[],
    detail: { readonly cause: unknown; readonly remedy: string },
  ) {
    super(message, detail);
  }
}

/** The patches of each source: the series and what the rig needs of it, or that alone. */
export const PATCHES_DIRS = {
  series: ['guest-kernel', 'patches'],
  pristine: ['guest-kernel', 'pristine'],
} as const satisfies Record<KernelBase, readonly string[]>;
const CONFIG_DIR = ['guest-kernel', 'config'] as const;

/** A kernel that {@link kernelRecipeOf} builds. */
export interface KernelSpec {
  /** The name of the artifact. */
  readonly name: string;
  /** Its name for people. */
  readonly title: string;
  readonly arch: KernelArch;
  readonly fragments: readonly Fragment[];
  readonly patches: readonly Patch[];
  /** What the tree is configured for: those of the fragments that the patches leave. */
  readonly options: readonly ConfigOption[];
  /** Number of steps that make prints. Used only for progress. */
  readonly stepsExpected: number;
  /** What `kernel.json` says of it. */
  readonly about: Readonly<Record<string, string>>;
}

const STEPS_EXPECTED: Record<KernelArch, { readonly unchecked: number; readonly checked: number }> = {
  i386: { unchecked: 1960, checked: 2000 },
  x86_64: { unchecked: 2656, checked: 2716 },
};

/** To be changed when this file would build other bytes from the same inputs. */
const BUILDER_VERSION = '1';

/** Variables of make, or of its environment, that make a build depend on the source alone. */
export const makeVariables = (arch: KernelArch): Readonly<Record<string, string>> => ({
  ARCH: arch,
  KBUILD_BUILD_TIMESTAMP: '2026-01-01 00:00:00 UTC',
  KBUILD_BUILD_USER: 'snapback',
  KBUILD_BUILD_HOST: 'snapback',
  KBUILD_BUILD_VERSION: '1',
  // Set although empty: otherwise the kernel's build looks for a git tree around it and adds it to the version.
  LOCALVERSION: '',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
});

/** How a kernel of a flavour and architecture is built from this source. */
export async function kernelRecipe(kind: KernelKind, source: SourcePackage, context: BuildContext): Promise<Recipe> {
  return kernelRecipeOf(await kernelSpec(kind), source, context);
}

/** What is built for a flavour and architecture. */
export async function kernelSpec(kind: KernelKind): Promise<KernelSpec> {
  const { flavour, arch } = kind;
  const { base, checked } = FLAVOUR_TRAITS[flavour];
  const [fragments, patches, options] = await Promise.all([readFragments(kind), patchesOf(base), readOptions(kind)]);
  return {
    name: arch === 'i386' ? `kernel-${flavour}` : `kernel-${arch}-${flavour}`,
    title: kindName(kind),
    arch,
    fragments,
    patches,
    options,
    stepsExpected: STEPS_EXPECTED[arch][checked ? 'checked' : 'unchecked'],
    about: { flavour, arch },
  };
}

/** The patches of a source. */
export const patchesOf = (base: KernelBase): Promise<readonly Patch[]> =>
  readSeries(packagePath(...PATCHES_DIRS[base]));

/** The options of a kernel. The pristine source does not have those that only the series adds. */
export async function readOptions(kind: KernelKind): Promise<readonly ConfigOption[]> {
  const options = mergeFragments(await readFragments(kind));
  const { base } = FLAVOUR_TRAITS[kind.flavour];
  if (base === 'series') return options;
  const [there, ofSeries] = await Promise.all(
    [patchesOf(base), patchesOf('series')].map(async (patches) =>
      (await patches).flatMap(({ text }) => addedOptions(text)),
    ),
  );
  return options.filter(({ name }) => there?.includes(name) === true || ofSeries?.includes(name) !== true);
}

/** How any kernel is built from this source. */
export async function kernelRecipeOf(
  { name, title, arch, fragments, patches, options, stepsExpected, about }: KernelSpec,
  source: SourcePackage,
  context: BuildContext,
): Promise<Recipe> {
  const tools = await toolVersions(context);
  return {
    name,
    inputs: {
      builder: BUILDER_VERSION,
      environment: JSON.stringify(makeVariables(arch)),
      source: `${source.version} ${source.sha256}`,
      tools,
      ...Object.fromEntries(fragments.map(({ file, text }) => [`config/${file}`, text])),
      ...Object.fromEntries(patches.map(({ file, text }) => [`patches/${file}`, changesOf(text)])),
    },
    build: async (dir, _scratch, inner, kept) => {
      let isNew = false;
      const tree = await kept.folder('linux', async (fresh) => {
        isNew = true;
        const tarball = await obtainSource(source, inner);
        inner.progress(`kernel ${title}: unpacking the source of ${source.version}`);
        await unpackSource(tarball, fresh, inner, { whole: false });
        inner.progress(`kernel ${title}: applying ${patches.length} patches`);
        await openTree(fresh, patches, inner, { whole: false });
        await configureTree(fresh, arch, options, inner);
      });
      if (!isNew) inner.progress(`kernel ${title}: going on where the last build was interrupted`);
      await withWarnings(tree, async (onLine) => {
        await compileTree(tree, { title, arch, stepsExpected }, inner, kept.lock, onLine);
      });
      await Promise.all([
        copyKernel(tree, dir),
        writeFile(
          join(dir, 'kernel.json'),
          `${JSON.stringify({ ...about, source: { package: source.package, version: source.version, sha256: source.sha256 }, tools: tools.split('\n'), patches: patches.map(({ file }) => file) }, null, 2)}\n`,
        ),
      ]);
    },
  };
}

/** Copies what a run needs of a kernel from the tree where it was built to the folder `dir`. */
export async function copyKernel(tree: string, dir: string): Promise<void> {
  await Promise.all([
    copyFile(join(tree, 'arch/x86/boot/bzImage'), join(dir, 'bzImage')),
    copyFile(join(tree, 'System.map'), join(dir, 'System.map')),
    copyFile(join(tree, '.config'), join(dir, 'config')),
  ]);
}

/**
 * The fragments of a kernel, by name. A fragment with a flavour or an architecture in its name (`x86_64.config`,
 * `release-i386.config`) is only for that, the others are for all. A pristine flavour has those of its counterpart.
 */
export async function readFragments({ flavour, arch }: KernelKind): Promise<readonly Fragment[]> {
  const own = flavourOf('series', flavour);
  const foreign: readonly string[] = [...KERNEL_FLAVOURS, ...KERNEL_ARCHS].filter(
    (name) => name !== own && name !== arch,
  );
  const files = (await readdir(packagePath(...CONFIG_DIR))).filter((file) => file.endsWith('.config')).sort();
  return Promise.all(
    files
      .filter(
        (file) =>
          !file
            .replace('.config', '')
            .split('-')
            .some((word) => foreign.includes(word)),
      )
      .map(async (file) => ({ file, text: await readFile(packagePath(...CONFIG_DIR, file), 'utf8') })),
  );
}

/** Writes the tree's .config; options that no fragment names are off. @throws RigError when an option is lost. */
export async function configureTree(
  tree: string,
  arch: KernelArch,
  options: readonly ConfigOption[],
  context: BuildContext,
): Promise<void> {
  const wanted = join(tree, '.wanted.config');
  await writeFile(wanted, renderConfig(options));
  await command('make', ['allnoconfig'], context, {
    cwd: tree,
    env: { ...makeVariables(arch), KCONFIG_ALLCONFIG: wanted },
    remedy: 'install flex, bison and bc',
  });
  requireOptions(options, await readFile(join(tree, '.config'), 'utf8'));
}

/**
 * Builds the bzImage of a configured tree, in the tree, and reports progress. Work of an interrupted make is not
 * repeated. A file counts as made only when the record of its command is whole, which make writes after the file. `lock`:
 * see {@link CommandOptions}. Returns what make has printed, line by line, which `onLine` gets while it comes.
 * @throws CompileError
 */
export async function compileTree(
  tree: string,
  { title, arch, stepsExpected }: Pick<KernelSpec, 'title' | 'arch' | 'stepsExpected'>,
  context: BuildContext,
  lock?: CommandOptions['lock'],
  onLine?: (line: string) => void,
): Promise<readonly string[]> {
  if (lock !== undefined) await tellOfWait(lock, context);
  const log: string[] = [];
  let steps = await keepWholeRecords(tree);
  let told = 0;
  try {
    await command('make', [`-j${availableParallelism()}`, 'bzImage'], context, {
      cwd: tree,
      env: makeVariables(arch),
      ...(lock !== undefined && { lock }),
      onLine: (line) => {
        log.push(line);
        onLine?.(line);
        if (/^ {2}[A-Z]+ {2,}\S/.test(line)) steps += 1;
        const fraction = Math.min(steps / stepsExpected, 0.99);
        if (fraction < told + 0.01) return;
        told = fraction;
        context.progress(`kernel ${title}: compiling`, fraction);
      },
      remedy: 'install build-essential, flex, bison, bc, libelf-dev, libssl-dev and lz4',
    });
  } catch (error) {
    context.signal.throwIfAborted();
    const complaints = log.filter((line) => /error|warning|\*\*\*|not found/i.test(line)).slice(-12);
    throw new CompileError(
      `the kernel ${title} does not compile${complaints.length > 0 ? `\n${complaints.join('\n')}` : ''}\n${(error as Error).message}`,
      log,
      {
        cause: error,
        remedy: (error as RigError).remedy ?? 'read the messages above',
      },
    );
  }
  return log;
}

/** If the make of a killed build is still running, ours waits for its end and then has less to do. */
async function tellOfWait(lock: string, context: BuildContext): Promise<void> {
  const { status } = await command('flock', ['--nonblock', '--conflict-exit-code', '75', lock, 'true'], context, {
    okStatuses: [0, 75],
  });
  if (status === 75) context.progress('waiting for the make of an earlier build, which is still at work');
}

/** Versions of the programs that produce bytes of the kernel. */
async function toolVersions(context: BuildContext): Promise<string> {
  const first = async (program: string, remedy: string): Promise<string> => {
    const { stdout } = await command(program, ['--version'], context, { remedy });
    return (stdout.split('\n')[0] ?? '').trim();
  };
  const versions = await Promise.all([
    first('gcc', 'install gcc'),
    first('ld', 'install binutils'),
    first('lz4', 'install lz4'),
  ]);
  return versions.join('\n');
}
