// SPDX-License-Identifier: MIT
/** A validation for people: cell by cell, and as a summary for a mail. */
import type { Finding, FindingKind } from '../cycle/outcome.js';
import { FLAVOUR_TRAITS } from '../cycle/plan.js';
import { printableLine } from '../report/escape.js';
import { counted, grouped } from '../report/numbers.js';
import { countChanges, type CellComparison, type Change } from './compare.js';
import type { FigureChange } from './figure-change.js';
import { METHOD_COLUMNS, methodRows } from './methods.js';
import { remarkLines, remarksOf, remarksTitle } from './remarks.js';
import { shardName, type Shard } from './shards.js';
import type { BisectedCell, ValidatedPatch, Validation, ValidationVerdict } from './validation.js';

const NAME_WIDTH = 14;
const CHANGE_WIDTH = 15;
const INDENT = ' '.repeat(2 + NAME_WIDTH);
const FINDINGS_MAX = 4;
const DETAILS_MAX = 3;
const SUMMARY_LINES_MAX = 10;
const SUMMARY_CELLS_MAX = 4;
/** Characters of a line of a summary: mails have no longer ones. */
const MAIL_WIDTH = 72;

/** Which patches break a cell. Ends without a newline. */
export function renderBisected({ cell, suspects, skipped }: BisectedCell): string {
  const [first] = suspects;
  const titles = suspects.map((patch) => printableLine(titleOf(patch)));
  return [
    ...(suspects.length === 1 && first
      ? [`  ${printableLine(cell)} is broken first by ${titles[0] ?? ''}`]
      : [`  ${printableLine(cell)} is broken first by one of these:`, ...titles.map((title) => `    ${title}`)]),
    ...skipped.map(({ patch, why }) => `    not judged with ${printableLine(titleOf(patch))}: ${printableLine(why)}`),
  ].join('\n');
}

/** What is validated, before anything is built. Ends without a newline. */
export function renderHead({
  kernelVersion,
  flavours,
  matrix,
  patches,
}: Pick<Validation, 'kernelVersion' | 'flavours' | 'matrix' | 'patches'>): string {
  return [
    `${counted(patches.length, 'patch')} on ${sourceText(kernelVersion, flavours)} · ${flavours.join(' and ')} · matrix ${matrix}`,
    ...patches.map((patch) => `  ${printableLine(titleOf(patch))}`),
    '',
  ].join('\n');
}

/** What the patches are on top of: `Linux 6.12.117 with snapshot(2)`. */
export function sourceText(version: string, flavours: Validation['flavours']): string {
  const hasCall = flavours.some((flavour) => FLAVOUR_TRAITS[flavour].base === 'series');
  return hasCall ? `Linux ${version} with snapshot(2)` : `pristine Linux ${version}`;
}

const titleOf = ({ name, subject }: ValidatedPatch): string => (subject === '' ? name : `${name}: ${subject}`);

/** A cell, once it has been run on both kernels. Ends without a newline. */
export function renderCell({ cell, change, base, patched, newFindings, figures }: CellComparison): string {
  const lines: string[] = [
    `  ${printableLine(cell.name).padEnd(NAME_WIDTH - 1)} ${change.padEnd(CHANGE_WIDTH)}${figureText(figures)}`,
  ];
  if (change === 'broken') {
    lines.push(...findingLines(base.verdict === 'pass' ? patched.findings : newFindings));
    lines.push(`${INDENT}replay: ${printableLine(patched.replay)}`);
  }
  if (change === 'fixed')
    lines.push(...base.findings.slice(0, 1).map(({ kind, what }) => `${INDENT}it was ${kind}: ${printableLine(what)}`));
  if (change === 'broken before') lines.push(...findingLines(patched.findings.slice(0, 1)));
  return lines.map((line) => line.trimEnd()).join('\n');
}

/** The figures that moved more than their bounds. */
function figureText(figures: readonly FigureChange[]): string {
  if (figures.length === 0) return '';
  const moved = figures.filter(({ is }) => is !== 'same').map(movedText);
  return moved.length === 0 ? 'all figures within their bounds' : moved.join('; ');
}

const movedText = ({ title, base, patched, percent, is }: FigureChange): string =>
  `${is}: ${title} ${grouped(base)}, now ${grouped(patched)} (${percentText(percent)})`;

/** `+1.3 %`. */
export const percentText = (percent: number): string => `${percent < 0 ? '-' : '+'}${Math.abs(percent).toFixed(1)} %`;

function findingLines(findings: readonly Finding[]): readonly string[] {
  const more = findings.length - FINDINGS_MAX;
  return [
    ...findings
      .slice(0, FINDINGS_MAX)
      .flatMap(({ kind, what, details }) => [
        `${INDENT}${kind}: ${printableLine(what)}`,
        ...details.slice(0, DETAILS_MAX).map((line) => `${INDENT}  ${printableLine(line)}`),
      ]),
    ...(more > 0 ? [`${INDENT}and ${counted(more, 'more finding')}; the replay shows all of them`] : []),
  ];
}

const VERDICTS: Readonly<Record<ValidationVerdict, string>> = {
  'not broken': 'NOT BROKEN',
  broken: 'BROKEN',
  'does not build': 'DOES NOT BUILD',
  unfinished: 'UNFINISHED',
};

/** The same work by both methods, as a table. Empty when no work was done by both. */
function methodLines({ cells }: Pick<Validation, 'cells'>): readonly string[] {
  const rows = methodRows(cells);
  if (rows.length === 0) return [];
  const table = [
    ['', '', '', ...METHOD_COLUMNS],
    ...rows.map(({ work, method, verdict, values }) => [printableLine(work), method, verdict, ...values]),
  ];
  const widths = (table[0] ?? []).map((_, at) => Math.max(...table.map((row) => (row[at] ?? '').length)));
  const lines = table.map((row) =>
    // Words to the left, numbers to the right.
    row.map((cell, at) => (at < 3 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '),
  );
  return ['', '  the same work by both methods, with the patches:', ...lines.map((line) => `  ${line}`.trimEnd())];
}

/** The last lines, with a table of the methods if there are both. Ends without a newline. */
export function renderVerdict(validation: Validation): string {
  const { verdict, buildFailure, notRun } = validation;
  return [
    ...methodLines(validation),
    ...(buildFailure ? buildFailure.details.map((line) => `  | ${printableLine(line)}`) : ['']),
    ...remarkLines(validation).map((line) => `  ${printableLine(line)}`),
    `${VERDICTS[verdict]}  ${printableLine(buildFailure?.where ?? countText(validation))}`,
    ...(notRun.length > 0 && verdict !== 'does not build'
      ? [`  not run: ${notRun.map(printableLine).join('; ')}`]
      : []),
  ].join('\n');
}

/** The last line of a shard, which knows nothing of the others. Ends without a newline. */
export const renderShard = (shard: Shard, validation: Pick<Validation, 'cells'>): string =>
  `\n${shardName(shard).toUpperCase()}  ${countText(validation)}`;

/** `3 cells: 1 broken, 2 unchanged`. */
export function countText({ cells }: Pick<Validation, 'cells'>): string {
  const counts = Object.entries(countChanges(cells)).filter(([, count]) => count > 0);
  return `${counted(cells.length, 'cell')}: ${counts.map(([change, count]) => `${count} ${change}`).join(', ') || 'none was run'}`;
}

/** Of a cell, in order of interest. */
const INTEREST: readonly Change[] = ['broken', 'fixed', 'broken before', 'unchanged'];

const PROOFS: readonly FindingKind[] = ['memory', 'image', 'disk', 'filesystem'];

/** Who has had a validation done. */
export interface Tester {
  readonly name: string;
  /** The address. */
  readonly mail: string;
}

/**
 * The line that tools which collect patches take into a commit. A cell that fails without the patches, too, is not `broken`, but it says
 * nothing for them. So each cell has to pass.
 */
const trailersOf = ({ verdict, cells }: Validation, tester: Tester | undefined): readonly string[] =>
  tester !== undefined &&
  verdict === 'not broken' &&
  cells.length > 0 &&
  cells.every(({ patched }) => patched.verdict === 'pass')
    ? [`Tested-by: ${printableLine(tester.name)} <${printableLine(tester.mail)}>`]
    : [];

/** At most ten lines to paste into a mail. When all is well, the last one is a trailer with the name of the `tester`. */
export function renderSummary(validation: Validation, tester?: Tester): string {
  const { kernelVersion, flavours, matrix, patches, verdict, buildFailure, cells, kernels, notRun } = validation;
  const interesting = INTEREST.flatMap((change) =>
    cells.filter((cell) => cell.change === change && change !== 'unchanged'),
  );
  const moved = cells.flatMap(({ cell, figures }) =>
    figures.filter(({ is }) => is !== 'same').map((figure) => `${cell.name}: ${movedText(figure)}`),
  );
  const [first] = patches;
  const remarks = remarksOf(validation);
  const trailers = trailersOf(validation, tester);
  const head = [
    `Snapback, matrix ${matrix}, ${sourceText(kernelVersion, flavours)}, ${flavours.join(' and ')}:`,
    `  ${first === undefined ? '' : first.subject || first.name}${patches.length > 1 ? ` and ${patches.length - 1} more` : ''}`,
    `  ${VERDICTS[verdict].toLowerCase()}: ${buildFailure?.where ?? countText(validation)}`,
  ];
  const foot = [
    ...(moved[0] === undefined ? [] : [`  ${moved[0]}${moved.length > 1 ? ` and ${moved.length - 1} more` : ''}`]),
    ...(notRun.length > 0 ? [`  not run: ${notRun.join('; ')}`] : []),
    ...(remarks.length > 0 ? [`  ${remarks.map(remarksTitle).join(', ')}`] : []),
    ...(kernels ?? []).map(
      ({ flavour, base, patched }) =>
        `  ${flavour} kernel ${patched.slice(0, 16)}, without the patches ${base.slice(0, 16)}`,
    ),
  ].slice(0, SUMMARY_LINES_MAX - head.length - trailers.length);
  const lines = [
    ...head,
    ...interesting
      .slice(0, Math.min(SUMMARY_CELLS_MAX, SUMMARY_LINES_MAX - head.length - foot.length - trailers.length))
      .map(
        ({ cell, change, base, patched }) =>
          `  ${cell.name}: ${change}: ${(mostTelling(patched.findings) ?? mostTelling(base.findings))?.what ?? ''}`,
      ),
    ...foot,
  ];
  return `${[...lines.map((line) => shortened(printableLine(line))), ...trailers].join('\n')}\n`;
}

/** What a proof has found says more than what came of it in the guest. */
const mostTelling = (findings: readonly Finding[]): Finding | undefined =>
  findings.find(({ kind }) => PROOFS.includes(kind)) ?? findings[0];

const shortened = (line: string): string => (line.length <= MAIL_WIDTH ? line : `${line.slice(0, MAIL_WIDTH - 3)}...`);
