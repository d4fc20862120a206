// SPDX-License-Identifier: MIT
/**
 * The kernel developer's loop: open a tree with the series applied, edit and commit, build incrementally, write the
 * series back, check it. `node tools/run.mjs tools/kernel.ts --help` describes the commands.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { describeFailure } from './cli/failure.js';
import { watchOutput } from './cli/output-streams.js';
import { ENDING_SIGNALS, Interrupted } from './cli/interrupt.js';
import { KERNEL_BASES, type KernelBase } from '../emulator/cycle/plan.js';
import { EXIT, InputError } from '../emulator/machine/errors.js';
import {
  compileTree,
  configureTree,
  KERNEL_ARCHS,
  KERNEL_FLAVOURS,
  kernelSpec,
  PATCHES_DIRS,
  patchesOf,
  type KernelArch,
  type KernelFlavour,
  type KernelKind,
} from '../guest-kernel/build.js';
import { checkpatch } from '../guest-kernel/checkpatch.js';
import { checkEach, type Complaint } from '../guest-kernel/each.js';
import { obtainKernel } from '../guest-kernel/obtain.js';
import { BASE_TAG, openTree, regenerateSeries } from '../guest-kernel/series.js';
import { findSource, obtainSource, unpackSource } from '../guest-kernel/source.js';
import { caches, type BuildContext } from '../emulator/host/node/artifacts/context.js';
import { packagePath } from '../emulator/host/node/paths.js';
import { bootEach } from './boot-each.js';

const patchesDir = (base: KernelBase): string => packagePath(...PATCHES_DIRS[base]);

async function open(dir: string, base: KernelBase, context: BuildContext): Promise<void> {
  const tree = resolve(dir);
  if (existsSync(tree)) throw new InputError(`${tree} exists`, { remedy: 'name a folder that does not' });
  const patches = await patchesOf(base);
  const source = await findSource(context);
  await unpackSource(await obtainSource(source, context), tree, context, { whole: true });
  context.progress('committing the pristine tree and applying the series');
  await openTree(tree, patches, context, { whole: true });
  console.log(`${tree}: linux ${source.version}, ${patches.length} patches as commits after the tag "${BASE_TAG}"`);
}

async function build(dir: string, kind: KernelKind, context: BuildContext): Promise<void> {
  const tree = opened(dir);
  const spec = await kernelSpec(kind);
  await configureTree(tree, spec.arch, spec.options, context);
  await compileTree(tree, spec, context);
  console.log(join(tree, 'arch/x86/boot/bzImage'));
}

async function regenerate(dir: string, base: KernelBase, context: BuildContext): Promise<void> {
  const changed = await regenerateSeries(opened(dir), patchesDir(base), context);
  const folder = PATCHES_DIRS[base].join('/');
  console.log(changed.length === 0 ? `${folder} is unchanged` : changed.map((file) => `${folder}/${file}`).join('\n'));
}

async function checkSeries(dir: string, base: KernelBase, context: BuildContext): Promise<void> {
  const tree = opened(dir);
  const patches = await patchesOf(base);
  const complaints = await checkpatch(
    tree,
    patches.map(({ file }) => join(patchesDir(base), file)),
    context,
  );
  console.log(complaints === '' ? `checkpatch is content with ${patches.length} patches` : complaints);
  if (complaints !== '') process.exitCode = EXIT.badInput;
}

function tell(complaints: readonly Complaint[], ifNone: string): void {
  for (const { at, lines } of complaints) console.log([at, ...lines.map((line) => `  ${line}`)].join('\n'));
  if (complaints.length > 0) process.exitCode = EXIT.badInput;
  else console.log(ifNone);
}

function opened(dir: string): string {
  const tree = resolve(dir);
  if (!existsSync(join(tree, '.git')) || !existsSync(join(tree, 'scripts/checkpatch.pl'))) {
    throw new InputError(`${tree} is not an opened kernel tree`, {
      remedy: `make one: node tools/run.mjs tools/kernel.ts open ${dir}`,
    });
  }
  return tree;
}

/** Progress as plain lines, at most one per text and tenth. */
function progressLines(): BuildContext['progress'] {
  let last = '';
  return (what, fraction) => {
    const line = fraction === undefined ? what : `${what}: ${Math.floor(fraction * 10) * 10} %`;
    if (line !== last) console.error(line);
    last = line;
  };
}

const abort = new AbortController();
for (const name of ENDING_SIGNALS) process.once(name, () => abort.abort(new Interrupted()));
const context: BuildContext = { ...caches(), progress: progressLines(), signal: abort.signal };

const program = new Command('kernel').description(
  'The guest kernel: open, edit and commit, build, regenerate, checkpatch, build and boot each.',
);
const flavours = [...KERNEL_FLAVOURS];
const archOption = (): Option =>
  new Option('--arch <architecture>', "the kernel's architecture").choices(KERNEL_ARCHS).default('i386');
const baseOption = (): Option =>
  new Option('--base <source>', 'the series with the patches of the rig, or these alone on the pristine source')
    .choices(KERNEL_BASES)
    .default('series');
program
  .command('obtain')
  .description('build a flavour into the cache, unless it is there, and print its folder')
  .addArgument(new Argument('[flavour]').choices(flavours).default('release'))
  .addOption(archOption())
  .action(async (flavour: KernelFlavour, { arch }: { arch: KernelArch }) =>
    console.log((await obtainKernel(flavour, context, arch)).dir),
  );
program
  .command('open')
  .description('unpack the source into a new folder and apply the patches, one commit each')
  .argument('<dir>')
  .addOption(baseOption())
  .action((dir: string, { base }: { base: KernelBase }) => open(dir, base, context));
program
  .command('build')
  .description('configure and build an opened tree; only what changed is compiled')
  .argument('<dir>')
  .addOption(new Option('--flavour <flavour>').choices(flavours).default('release'))
  .addOption(archOption())
  .action((dir: string, kind: KernelKind) => build(dir, kind, context));
program
  .command('regenerate')
  .description('write the commits of an opened tree back to guest-kernel/patches, or guest-kernel/pristine')
  .argument('<dir>')
  .addOption(baseOption())
  .action((dir: string, { base }: { base: KernelBase }) => regenerate(dir, base, context));
program
  .command('checkpatch')
  .description('check the patches with the checkpatch.pl of an opened tree')
  .argument('<dir>')
  .addOption(baseOption())
  .action((dir: string, { base }: { base: KernelBase }) => checkSeries(dir, base, context));
program
  .command('each')
  .description(
    'build a small kernel at each commit of an opened tree, and look at new files with W=1, sparse and kernel-doc',
  )
  .argument('<dir>')
  .option('--quick', 'compile only what the series touches, and look for symbols that come too late', false)
  .action(async (dir: string, options: { quick: boolean }) =>
    tell(await checkEach(opened(dir), options, context), 'each patch builds, and nothing complains'),
  );
program
  .command('boot-each')
  .description('build the release kernel at each commit of an opened tree, and boot it in the rig')
  .argument('<dir>')
  .addOption(archOption())
  .action(async (dir: string, { arch }: { arch: KernelArch }) =>
    tell(await bootEach(opened(dir), arch, context), 'each patch boots'),
  );

watchOutput();
try {
  await program.parseAsync();
} catch (error) {
  const { message, exitCode } = describeFailure(abort.signal.aborted ? abort.signal.reason : error);
  console.error(message);
  process.exitCode = exitCode;
}
