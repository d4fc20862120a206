// SPDX-License-Identifier: MIT
/** A report on one screen. */
import type { Finding } from '../cycle/outcome.js';
import { printable, printableLine } from './escape.js';
import { excerptOf } from './excerpt.js';
import { bytes, counted, grouped, millions, time } from './numbers.js';
import { machineWords, replayLimit, type Report } from './model.js';

export interface TextOptions {
  readonly colour: boolean;
  /** False: the run goes on, so there is neither a verdict nor a last state. Default true. */
  readonly isOver?: boolean;
}

const LABEL_WIDTH = 13;
const DETAILS_MAX = 12;
/** Characters of a line of details. */
const LINE_MAX = 400;
const STEPS_SHOWN_MAX = 6;

/** Ends without a newline. */
export function renderText(report: Report, { colour, isOver = true }: TextOptions): string {
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const limit = replayLimit(report);
  const verdict = report.verdict === 'pass' ? paint(32, 'PASS') : paint(31, 'FAIL');
  return [
    `${isOver ? verdict : '....'}  ${printableLine(report.scenario.name)}`,
    paint(2, `      ${printableLine(headline(report, isOver))}`),
    '',
    ...rows(report, isOver).map(([label, text]) => `  ${paint(1, label.padEnd(LABEL_WIDTH))}${printableLine(text)}`),
    ...report.failures.flatMap((failure, index) => [
      '',
      ...failureLines(failure, index, report.failures.length, paint),
    ]),
    ...(isOver ? ['', `  replay: ${printableLine(report.replay)}`] : []),
    ...(isOver && limit !== undefined ? [`          (${limit})`] : []),
  ].join('\n');
}

/** The findings of a run without a verdict. Ends without a newline. */
export function renderFindings(findings: readonly Finding[]): string {
  return [
    'found before the run ended without a verdict:',
    ...findings.flatMap((finding, index) => failureLines(finding, index, findings.length, (_, text) => text)),
  ].join('\n');
}

function headline(report: Report, isOver: boolean): string {
  const { kernel, options, seed, method, cycles, offMs } = report;
  const memory = options['memoryMiB'];
  const rolledBack = report.perCycle.filter((cycle) => cycle.rolledBack === true).length;
  const committed = report.perCycle.filter((cycle) => cycle.committed === true).length;
  return [
    `Linux ${kernel.version} ${kernel.flavour}`,
    ...(machineWords(report) ?? []),
    ...(typeof memory === 'number' ? [`${memory} MiB`] : []),
    `seed ${seed}`,
    ...(method !== null ? [method, counted(cycles, 'cycle')] : isOver ? ['not suspended'] : []),
    ...(rolledBack > 0 ? [`${rolledBack} rolled back`] : []),
    ...(committed > 0 ? [`${committed} committed`] : []),
    ...(method !== null && rolledBack + committed < cycles ? [`off for ${time(offMs)}`] : []),
  ].join(' · ');
}

function rows(report: Report, isOver: boolean): readonly (readonly [string, string])[] {
  const { memory, image, disk, selfChecks, frozen, filesystems } = report;
  const rows: [string, string][] = [];
  if (memory.pagesCompared > 0) {
    rows.push([
      'memory',
      `${counted(memory.pagesCompared, 'page')} compared, ${grouped(memory.pagesDiffering)} differ`,
    ]);
    const accounted = reasonText(memory.pagesByReason);
    if (accounted !== '') rows.push(['', accounted]);
  }
  if (image.bytes > 0)
    rows.push([
      'image',
      `${bytes(image.bytes)}, ${counted(image.pagesCompared, 'page')} read from the disk, ${grouped(image.pagesDiffering)} differ`,
    ]);
  if (disk.sectorsCompared > 0) {
    rows.push([
      'disk',
      `${counted(disk.sectorsCompared, 'sector')} compared, ${grouped(disk.sectorsDiffering)} differ, ${grouped(disk.originSectorsWritten)} written on origins`,
    ]);
  }
  if (filesystems.length > 0) rows.push(['filesystems', filesystemText(filesystems)]);
  if ([selfChecks, selfChecks.control].some((count) => count && count.passed + count.failed > 0))
    rows.push([
      'self-checks',
      `${checks(selfChecks)}${selfChecks.control ? ` (control run: ${checks(selfChecks.control)})` : ''}`,
    ]);
  // Without an instruction counter, the numbers count something else.
  const count = (instructions: number): readonly string[] =>
    report.machine?.countsInstructions === false ? [] : [`${millions(instructions)} instructions`];
  if (frozen.instructions > 0)
    rows.push(['frozen', [time(frozen.virtualMs), ...count(frozen.instructions)].join(' · ')]);
  rows.push([
    'run',
    [...count(report.instructions), `${time(report.virtualMs)} of guest time`, `${time(report.realMs)} real`].join(
      ' · ',
    ),
  ]);
  rows.push(...notRunRows(report));
  // Where no other run can have the same state, its hash tells nothing.
  if (isOver && report.machine?.deterministic !== false) rows.push(['state', report.stateHash.slice(0, 16)]);
  for (const note of report.notes ?? []) rows.push(['note', note]);
  return rows;
}

/** The steps that were not run, by timeline. */
function notRunRows({ stepsNotRun }: Report): readonly [string, string][] {
  const where = { main: '', live: ' in the live timeline', control: ' in the control run' };
  return (['main', 'live', 'control'] as const).flatMap((timeline): [string, string][] => {
    const steps = stepsNotRun.filter((one) => one.timeline === timeline).map(({ step }) => step);
    if (steps.length === 0) return [];
    const shown = steps.slice(0, STEPS_SHOWN_MAX).join(', ');
    const more = steps.length > STEPS_SHOWN_MAX ? ' ... (all of them are in the JSON report)' : '';
    return [['not run', `${counted(steps.length, 'step')} after a failure${where[timeline]}: ${shown}${more}`]];
  });
}

const checks = ({ passed, failed }: { readonly passed: number; readonly failed: number }): string =>
  `${passed} passed, ${failed} failed`;

function reasonText(byReason: Readonly<Record<string, number>>): string {
  const parts = Object.entries(byReason)
    .filter(([, pages]) => pages > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, pages]) => `${grouped(pages)} ${reason}`);
  return parts.length === 0 ? '' : `not in the image: ${parts.join(', ')}`;
}

function filesystemText(filesystems: Report['filesystems']): string {
  const names = [...new Set(filesystems.map(({ device, filesystem }) => `${device} ${filesystem}`))];
  const when = [
    ...new Set(
      filesystems.map(({ at }) =>
        at === 'powerOff' ? 'after power-off' : at === 'suspend' ? 'at the suspend' : 'after the shutdown',
      ),
    ),
  ];
  const unclean = filesystems.filter(({ clean }) => !clean).length;
  return `${names.join(', ')}: ${unclean === 0 ? 'clean' : `${unclean} of ${filesystems.length} checks found errors`} ${when.join(', ')}`;
}

function failureLines(
  failure: Finding,
  index: number,
  of: number,
  paint: (code: number, text: string) => string,
): readonly string[] {
  const details = failure.details.flatMap((line) => printable(line).split('\n')).map(clipped);
  return [
    `  ${paint(31, of === 1 ? 'failure' : `failure ${index + 1} of ${of}`)} ${failure.kind}: ${printableLine(failure.what)}`,
    ...excerptOf(failure.kind, details, DETAILS_MAX, 'see the JSON report').map((line) => `      ${line}`),
    ...(failure.remedy === undefined ? [] : [`      what to do: ${printableLine(failure.remedy)}`]),
  ];
}

const clipped = (line: string): string =>
  line.length <= LINE_MAX
    ? line
    : `${line.slice(0, LINE_MAX)}... and ${counted(line.length - LINE_MAX, 'more character')}`;
