// SPDX-License-Identifier: MIT
/** `snapback validate`: from patches to what they change. */
import { obtainPatchedKernel, PatchesDoNotBuild, type PatchedKernel } from '../../guest-kernel/patched.js';
import { changesIn, readChanges, type Change } from '../../guest-kernel/patch-mail.js';
import { findSource, kernelVersion } from '../../guest-kernel/source.js';
import { kindName, obtainKernel, type KernelFlavour, type KernelKind } from '../../guest-kernel/build.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import { b4Results, notJudged, renderB4 } from '../../emulator/validate/b4.js';
import { compareCell, type CellComparison } from '../../emulator/validate/compare.js';
import type { Cell } from '../../emulator/validate/cell.js';
import type { PatchText } from '../../emulator/validate/patch-text.js';
import { renderCell, renderHead, renderSummary, renderVerdict } from '../../emulator/validate/text.js';
import { renderValidationJunit, renderValidationKtap } from '../../emulator/validate/machine-readable.js';
import { verdictOn, type Validation } from '../../emulator/validate/validation.js';
import { runCell } from '../run/cell.js';
import { verdictStatus } from './bisect-exit.js';
import { buildContext } from './build-context.js';
import type { CommandContext } from './context.js';
import { ensurePrerequisites } from './doctor.js';
import { reasonOf, TwoFailures } from './failure.js';
import type { Progress } from './progress.js';
import { settleFiles, STDOUT, writeFiles } from './report-files.js';
import { readCells } from './validate-cells.js';
import { readCommits, readPatchTexts, STDIN } from './validate-input.js';

export interface ValidateOptions {
  readonly patches?: readonly string[];
  readonly tree?: string;
  readonly range?: string;
  readonly matrix: string;
  readonly flavour: KernelFlavour;
  readonly json?: string;
  readonly junit?: string;
  readonly ktap?: string;
  readonly summary?: string;
  readonly b4?: boolean;
  readonly bisectExit?: boolean;
}

export async function validateCommand(given: ValidateOptions, { signal }: CommandContext): Promise<number> {
  const cells = await readCells(given.matrix, given.flavour);
  const options = await settleFiles(given, given.patches ?? []);
  const takesStdout = [options.json, options.junit, options.ktap, options.summary].includes(STDOUT);
  if (options.b4 === true && takesStdout)
    throw new InputError('--b4 and a report both name standard output', {
      remedy: 'give the report a file of its own',
    });
  const { context, progress } = buildContext(signal);
  const print = (text: string): void => {
    progress.clear();
    if (takesStdout || options.b4 === true) console.error(text);
    else console.log(text);
  };
  try {
    const changes = await changesOf(options, context);
    if (changes.length === 0) {
      await writeFiles([{ file: STDOUT, text: renderB4([]) }]);
      return EXIT.pass;
    }
    await ensurePrerequisites(context);
    const kind: KernelKind = { flavour: options.flavour, arch: 'i386' };
    const run: Run = {
      kind,
      changes,
      cells,
      done: [],
      about: {
        formatVersion: 1,
        kernelVersion: kernelVersion((await findSource(context)).version),
        flavour: kindName(kind),
        matrix: options.matrix,
        patches: changes.map(({ name, subject }) => ({ name, subject })),
      },
      warnings: [],
      kernels: undefined,
      buildFailure: undefined,
    };
    print(renderHead(run.about));
    try {
      await validate(run, context, progress, print);
    } catch (error) {
      const first: unknown = signal.aborted ? signal.reason : error;
      const validation = validationOf(run, reasonOf(first));
      if (run.done.length > 0) print(renderVerdict(validation));
      await writeReports(validation, options).catch((second: unknown) => {
        throw new TwoFailures(first, second);
      });
      throw error;
    }
    const validation = validationOf(run);
    print(renderVerdict(validation));
    await writeReports(validation, options);
    return verdictStatus(validation.verdict, options.bisectExit === true);
  } finally {
    progress.clear();
  }
}

/** None only for a check of b4 that was sent a letter. @throws InputError when there are none otherwise, or they cannot be read. */
async function changesOf(options: ValidateOptions, context: BuildContext): Promise<readonly Change[]> {
  if (options.b4 !== true) return readChanges(await patchesOf(options, context), context);
  const isNamed = options.patches !== undefined || options.tree !== undefined || options.range !== undefined;
  const patches = await patchesOf(isNamed ? options : { ...options, patches: [STDIN] }, context);
  try {
    return await changesIn(patches, context);
  } catch (error) {
    if (error instanceof InputError) await writeFiles([{ file: STDOUT, text: renderB4([notJudged(reasonOf(error))]) }]);
    throw error;
  }
}

/** @throws InputError when the options name no patches, or name them in two ways. */
function patchesOf(
  { patches = [], tree, range }: ValidateOptions,
  context: BuildContext,
): Promise<readonly PatchText[]> {
  if (tree !== undefined && range !== undefined && patches.length === 0) return readCommits(tree, range, context);
  if (tree !== undefined || range !== undefined)
    throw new InputError('--tree and --range belong together, and --patches is another way to name patches', {
      remedy: 'name either commits (--tree DIR --range A..B) or files (--patches FILE...)',
    });
  if (patches.length === 0)
    throw new InputError('nothing to validate is named', {
      remedy: 'name files, folders or mailboxes of patches with --patches, or commits with --tree DIR --range A..B',
    });
  return readPatchTexts(patches);
}

/** A validation under way. */
interface Run {
  readonly kind: KernelKind;
  readonly changes: readonly Change[];
  readonly cells: readonly Cell[];
  readonly about: Pick<Validation, 'formatVersion' | 'kernelVersion' | 'flavour' | 'matrix' | 'patches'>;
  readonly done: CellComparison[];
  warnings: readonly string[];
  kernels: Validation['kernels'];
  buildFailure: Validation['buildFailure'];
}

/** What is known so far. `ended`: why there is no more to come. */
function validationOf(run: Run, ended?: Validation['ended']): Validation {
  const { about, cells, done, warnings, kernels, buildFailure } = run;
  const notRun = cells.slice(done.length).map(({ name }) => name);
  return {
    ...about,
    verdict: buildFailure ? 'does not build' : verdictOn(done, notRun),
    ...(buildFailure && { buildFailure }),
    warnings,
    ...(kernels && { kernels }),
    ...(ended && { ended }),
    cells: done,
    notRun,
  };
}

/** Builds, and runs cell after cell on both kernels. What is known is in `run`, also when this fails. */
async function validate(
  run: Run,
  context: BuildContext,
  progress: Progress,
  print: (text: string) => void,
): Promise<void> {
  let patched: PatchedKernel;
  try {
    patched = await obtainPatchedKernel(run.kind, run.changes, context);
  } catch (error) {
    if (!(error instanceof PatchesDoNotBuild)) throw error;
    run.buildFailure = { where: error.where, details: error.details };
    return;
  }
  run.warnings = patched.warnings;
  const { sha256: base } = await obtainKernel(run.kind.flavour, context, run.kind.arch);
  run.kernels = { base, patched: patched.sha256 };
  for (const cell of run.cells) {
    const say =
      (which: string) =>
      (what: string, fraction?: number, how?: string): void =>
        progress.say(`${cell.name}, ${which}: ${what}`, fraction, how);
    const after = await runCell(cell, patched.dir, context, say('with the patches'));
    const before = await runCell(cell, run.kind.flavour, context, say('without them'));
    const compared = compareCell(cell, before, after);
    run.done.push(compared);
    print(renderCell(compared));
  }
}

async function writeReports(
  validation: Validation,
  { json, junit, ktap, summary, b4 }: ValidateOptions,
): Promise<void> {
  const text = (file: string | undefined, render: () => string): readonly { file: string; text: string }[] =>
    file === undefined ? [] : [{ file, text: render() }];
  await writeFiles([
    ...text(json, () => `${JSON.stringify(validation, null, 2)}\n`),
    ...text(junit, () => renderValidationJunit(validation)),
    ...text(ktap, () => renderValidationKtap(validation)),
    ...text(summary, () => renderSummary(validation)),
    ...text(b4 === true ? STDOUT : undefined, () => renderB4(b4Results(validation))),
  ]);
}
