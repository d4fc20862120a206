// SPDX-License-Identifier: MIT
/** `snapback validate`: from patches to what they change. */
import { availableParallelism, freemem } from 'node:os';
import { readOwnTree, type OwnTree } from '../../guest-kernel/own-tree.js';
import { changesIn, readChanges, type Change } from '../../guest-kernel/patch-mail.js';
import { flavourOf, type KernelBase, type KernelFlavour } from '../../emulator/cycle/plan.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import { b4Results, notJudged, renderB4 } from '../../emulator/validate/b4.js';
import type { PatchText } from '../../emulator/validate/patch-text.js';
import { renderTrace, traceOf } from '../../emulator/report/trace.js';
import { validationOf } from '../../emulator/validate/plan.js';
import { runsOf } from '../../emulator/validate/runs.js';
import type { Shard } from '../../emulator/validate/shards.js';
import {
  renderBisected,
  renderCell,
  renderHead,
  renderShard,
  renderSummary,
  renderVerdict,
} from '../../emulator/validate/text.js';
import { renderValidationJunit, renderValidationKtap } from '../../emulator/validate/machine-readable.js';
import type { BisectedCell, Validation } from '../../emulator/validate/validation.js';
import {
  FILE_OPTIONS,
  lastValidation,
  rememberValidation,
  REPORT_OPTIONS,
  type LastOptions,
  type LastValidation,
  type ReportOptions,
} from '../run/last-validation.js';
import { ownCommand } from '../run/own-command.js';
import { MATRIX_DEFAULT, MATRIX_DEFAULTS } from '../run/matrix-names.js';
import { openResults } from '../run/results-folder.js';
import { testerIn } from '../run/tester.js';
import { bisectBroken, newRun, replayIn, validate, type Run } from '../run/validate.js';
import { verdictStatus } from './bisect-exit.js';
import { buildContext } from './build-context.js';
import type { CommandContext } from './context.js';
import { ensurePrerequisites, FOR_PATCHES } from './doctor.js';
import { renderHtml } from './html.js';
import { reasonOf, TwoFailures } from './failure.js';
import { settleFiles, STDOUT, writeFiles } from './report-files.js';
import { poolLines } from './pool-table.js';
import { readB4Patches } from './validate-b4.js';
import { readCells } from './validate-cells.js';
import { readCommits, readPatchTexts } from './validate-input.js';

export interface ValidateOptions extends ReportOptions {
  readonly patches?: readonly string[];
  readonly tree?: string;
  readonly range?: string;
  /** Default: quick. */
  readonly matrix?: string;
  /** Default: that of the flavours, which is the series unless one of them is pristine. */
  readonly base?: KernelBase;
  /** Default: release. */
  readonly flavour?: KernelFlavour;
  readonly jobs?: number;
  readonly shard?: Shard;
  readonly results?: string;
  readonly bisect?: boolean;
  readonly b4?: boolean;
  readonly bisectExit?: boolean;
  readonly resume?: boolean;
}

export const FLAVOUR_DEFAULT = 'release';

export async function validateCommand(given: ValidateOptions, { signal }: CommandContext): Promise<number> {
  refuseContradictions(given);
  const { context, progress } = buildContext(signal);
  const last = given.resume === true ? await lastOf(context) : undefined;
  const named = { ...last?.options, ...given };
  const own = last === undefined ? await ownTreeOf(given, context) : undefined;
  const { shard } = named;
  const base = own?.tree.base ?? named.base;
  const { matrix = base === undefined ? MATRIX_DEFAULT : MATRIX_DEFAULTS[base] } = named;
  const { flavour: flavourAsked = FLAVOUR_DEFAULT } = named;
  const flavour = base === undefined ? flavourAsked : flavourOf(base, flavourAsked);
  const cells = last?.cells ?? (await readCells(matrix, flavour, base));
  const options = await settleFiles(named, given.patches ?? []);
  const folder = named.results === undefined ? undefined : await openResults(named.results);
  const takesStdout = reportsToStdout(options);
  if (options.b4 === true && takesStdout)
    throw new InputError('--b4 and a report both name standard output', {
      remedy: 'give the report a file of its own',
    });
  const print = (text: string): void => {
    progress.clear();
    if (takesStdout || options.b4 === true) console.error(text);
    else console.log(text);
  };
  try {
    const changes = last?.changes ?? (own ? [own] : await changesOf(options, context));
    if (changes.length === 0) {
      await writeFiles([{ file: STDOUT, text: renderB4([]) }]);
      return EXIT.pass;
    }
    await ensurePrerequisites(context, FOR_PATCHES);
    const run = await newRun({ flavour, arch: 'i386' }, changes, cells, matrix, context);
    const forget = canResume(options)
      ? await rememberValidation(context.cacheDir, { changes, cells, options: lastOptions(options, matrix, flavour) })
      : undefined;
    const now = (ended?: Validation['ended']): Validation =>
      validationOf(run.plan, run.results, replayIn(context, run.plan), ended);
    const withBisection = async (judged: Validation): Promise<Validation> => {
      if (options.bisect !== true || judged.verdict !== 'broken') return judged;
      const onBisected = (one: BisectedCell): void => print(renderBisected(one));
      const broken = judged.cells.filter(({ change }) => change === 'broken');
      return { ...judged, bisected: await bisectBroken(run, broken, { context, say: progress.say, onBisected }) };
    };
    print(renderHead(run.plan));
    try {
      await validate(run, {
        shard,
        folder,
        jobs: options.jobs ?? jobsHere(),
        context,
        reasonOf,
        onState: (state) => {
          const { done, running, waiting } = state;
          const names = running.map(({ name }) => name).join('; ');
          if (running.length > 0)
            progress.table(
              (room) => poolLines(state, performance.now(), room),
              `${done} of ${done + running.length + waiting.length} cells; running ${names}`,
            );
        },
        onCell: (one) => print(renderCell(one)),
      });
    } catch (error) {
      const first: unknown = signal.aborted ? signal.reason : error;
      const validation = now(reasonOf(first));
      if (validation.cells.length > 0) print(shard ? renderShard(shard, validation) : renderVerdict(validation));
      if (forget) print(`  ${ownCommand()} validate --resume   goes on with it`);
      await writeReports(validation, run, options).catch((second: unknown) => {
        throw new TwoFailures(first, second);
      });
      throw error;
    }
    const judged = now();
    print(shard ? renderShard(shard, judged) : renderVerdict(judged));
    const validation = await withBisection(judged).catch(async (first: unknown) => {
      // Whatever becomes of the search, the verdict is known.
      await writeReports(judged, run, options).catch((second: unknown) => {
        throw new TwoFailures(first, second);
      });
      throw first;
    });
    await writeReports(validation, run, options);
    await forget?.();
    // The cells of the other shards are not this one's.
    const isGood = shard !== undefined && validation.verdict === 'unfinished';
    return verdictStatus(isGood ? 'not broken' : validation.verdict, options.bisectExit === true);
  } finally {
    progress.clear();
  }
}

/** @throws InputError when options do not go together. */
function refuseContradictions(given: ValidateOptions): void {
  const { shard, resume, patches, tree, range, matrix, base, flavour } = given;
  if (shard && given.results === undefined)
    throw new InputError('--shard names no folder for its results', {
      remedy: 'name one with --results; `snapback merge` makes the report of all of them',
    });
  if (shard && (hasReport(given) || given.b4 === true || given.bisect === true))
    throw new InputError('a shard has no report of its own, and nothing to bisect', {
      remedy:
        'leave the report to `snapback merge`, which has all results, and bisect cells that are broken afterwards',
    });
  if (resume !== true) return;
  const [also] =
    Object.entries({ patches, tree, range, matrix, base, flavour }).find(([, value]) => value !== undefined) ?? [];
  if (also !== undefined)
    throw new InputError(`--resume and --${also} do not go together: it goes on with what was validated`, {
      remedy: `leave --${also} out, or begin anew without --resume`,
    });
  if (!canResume(given))
    throw new InputError('--resume is for people, and not for shards, b4 or `git bisect`', {
      remedy: 'run the same command again: cells that have been run are not run again',
    });
}

/** Others are run again by what has started them. */
const canResume = ({ shard, b4, bisectExit }: ValidateOptions): boolean =>
  shard === undefined && b4 !== true && bisectExit !== true;

/** @throws InputError when there is no validation to go on with. */
async function lastOf({ cacheDir }: Pick<BuildContext, 'cacheDir'>): Promise<LastValidation> {
  const last = await lastValidation(cacheDir);
  if (last) return last;
  throw new InputError('there is no validation to go on with: none was begun, or the last one has come to its end', {
    remedy: 'name patches with --patches, or commits with --tree DIR --range A..B',
  });
}

function lastOptions(options: ValidateOptions, matrix: string, flavour: KernelFlavour): LastOptions {
  const { jobs, bisect } = options;
  return {
    matrix,
    flavour,
    ...(jobs !== undefined && { jobs }),
    ...(bisect !== undefined && { bisect }),
    ...Object.fromEntries(
      FILE_OPTIONS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]] as const])),
    ),
  };
}

/** What a cell may need of this host's memory: captures of RAM, and the machines of two boots. */
const BYTES_PER_CELL = 3 * 2 ** 30;

/** As many cells at once as this host has processors and free memory for. */
const jobsHere = (): number => Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / BYTES_PER_CELL)));

/** None only for a check of b4 that was sent an answer. @throws InputError when there are none otherwise, or they cannot be read. */
async function changesOf(options: ValidateOptions, context: BuildContext): Promise<readonly Change[]> {
  if (options.b4 !== true) return readChanges(await patchesOf(options, context), context);
  const isNamed = options.patches !== undefined || options.tree !== undefined || options.range !== undefined;
  const check = { input: process.stdin, env: process.env, dir: process.cwd() };
  try {
    return await changesIn(await (isNamed ? patchesOf(options, context) : readB4Patches(check, context)), context);
  } catch (error) {
    if (error instanceof InputError) await writeFiles([{ file: STDOUT, text: renderB4([notJudged(reasonOf(error))]) }]);
    throw error;
  }
}

/** The tree that is to be validated as a whole. @throws InputError when it is none, or another option is about patches. */
async function ownTreeOf(
  { patches, tree, range, base, bisect, b4 }: ValidateOptions,
  context: BuildContext,
): Promise<OwnTree | undefined> {
  if (tree === undefined || range !== undefined || patches !== undefined) return undefined;
  if (bisect === true || b4 === true)
    throw new InputError(
      `--tree without --range is about a whole tree, and --${b4 === true ? 'b4' : 'bisect'} about patches`,
      {
        remedy: 'name its commits with --range A..B',
      },
    );
  const own = await readOwnTree(tree, context);
  if (base !== undefined && base !== own.tree.base)
    throw new InputError(
      `${tree} ${own.tree.base === 'series' ? 'has' : 'does not have'} snapshot(2), and --base ${base} says otherwise`,
      {
        remedy: 'leave --base out',
      },
    );
  return own;
}

/** @throws InputError when the options name no patches, or name them in two ways. */
function patchesOf(
  { patches = [], tree, range }: ValidateOptions,
  context: BuildContext,
): Promise<readonly PatchText[]> {
  if (tree !== undefined && range !== undefined && patches.length === 0) return readCommits(tree, range, context);
  if (tree !== undefined || range !== undefined)
    throw new InputError('--range belongs to --tree, and --patches is another way to name patches', {
      remedy: 'name either a tree (--tree DIR), commits of it (--tree DIR --range A..B), or files (--patches FILE...)',
    });
  if (patches.length === 0)
    throw new InputError('nothing to validate is named', {
      remedy:
        'name files, folders or mailboxes of patches with --patches, a tree with --tree DIR, or commits of it with --range A..B',
    });
  return readPatchTexts(patches);
}

export const reportsToStdout = (options: ReportOptions): boolean =>
  REPORT_OPTIONS.some((name) => options[name] === STDOUT);
const hasReport = (options: ReportOptions): boolean => REPORT_OPTIONS.some((name) => options[name] !== undefined);

/**
 * Writes those that are wanted, about a validation that has come of these results.
 * @throws RigError for the first that cannot be written.
 */
export async function writeReports(
  validation: Validation,
  { plan, results }: Pick<Run, 'plan' | 'results'>,
  { json, junit, ktap, summary, trace, html, b4 }: ReportOptions & Pick<ValidateOptions, 'b4'>,
): Promise<void> {
  const text = (file: string | undefined, render: () => string): readonly { file: string; text: string }[] =>
    file === undefined ? [] : [{ file, text: render() }];
  await writeFiles([
    ...text(json, () => `${JSON.stringify(validation, null, 2)}\n`),
    ...text(junit, () => renderValidationJunit(validation)),
    ...text(ktap, () => renderValidationKtap(validation)),
    ...(summary === undefined
      ? []
      : [{ file: summary, text: renderSummary(validation, await testerIn(process.cwd())) }]),
    ...text(trace, () => renderTrace(traceOf(runsOf(plan, results)))),
    ...(html === undefined ? [] : [{ file: html, text: await renderHtml(validation, plan, results) }]),
    ...text(b4 === true ? STDOUT : undefined, () => renderB4(b4Results(validation))),
  ]);
}
