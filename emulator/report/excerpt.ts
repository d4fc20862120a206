// SPDX-License-Identifier: MIT
/**
 * Selects the lines of long evidence that show the cause: those of a log around the kernel's first fault or the first test
 * that failed, and its last ones; of anything else the first ones.
 */
import { findFaults } from '../console/faults.js';
import type { FindingKind } from '../cycle/outcome.js';
import { counted } from './numbers.js';

/** Consecutive lines, and the number of omitted lines before them. */
export interface LogPart {
  readonly omittedLines: number;
  readonly lines: readonly string[];
}

/** Lines just before a fault often name the cause: 'Cannot open root device'. */
const LINES_BEFORE_FAULT = 4;
/** Number of last lines that are shown in addition to an earlier fault. */
const LAST_LINES = 4;

/** What TAP calls a test that failed. */
const FAILED_TEST = /^\s*not ok \d/;

/**
 * Kinds whose details are the output of a console or a command. Their cause comes last. Other kinds list the worst
 * first.
 */
const LOGS: ReadonlySet<FindingKind> = new Set<FindingKind>(['guest', 'command', 'console', 'control']);

/**
 * At most `linesMax` lines of evidence of a kind of finding, and a line for those left out, which says `whereAll` all of them
 * are. `linesMax` as of `excerptOfLog`.
 */
export function excerptOf(
  kind: FindingKind,
  details: readonly string[],
  linesMax: number,
  whereAll = '',
): readonly string[] {
  const omission = (omitted: number): readonly string[] =>
    omitted > 0 ? [`... ${counted(omitted, 'line')} left out here${whereAll === '' ? '' : `: ${whereAll}`}`] : [];
  if (LOGS.has(kind))
    return excerptOfLog(details, linesMax).flatMap(({ omittedLines, lines }) => [...omission(omittedLines), ...lines]);
  return [...details.slice(0, linesMax), ...omission(details.length - linesMax)];
}

/**
 * At most `linesMax` lines of `log`, in order. `linesMax` must be more than the lines kept before a fault and at the
 * end.
 */
export function excerptOfLog(log: readonly string[], linesMax: number): readonly LogPart[] {
  const lastFrom = Math.max(0, log.length - linesMax);
  const cause = causeIn(log);
  const from = cause === undefined ? lastFrom : Math.max(0, cause - LINES_BEFORE_FAULT);
  if (from >= lastFrom) return [{ omittedLines: lastFrom, lines: log.slice(lastFrom) }];
  const to = from + linesMax - LAST_LINES;
  const end = log.length - LAST_LINES;
  return [
    { omittedLines: from, lines: log.slice(from, to) },
    { omittedLines: end - to, lines: log.slice(end) },
  ];
}

/** Index of the line with which the trouble begins. */
function causeIn(log: readonly string[]): number | undefined {
  const [fault] = findFaults(log);
  if (fault !== undefined) return fault.line;
  const test = log.findIndex((line) => FAILED_TEST.test(line));
  return test === -1 ? undefined : test;
}
