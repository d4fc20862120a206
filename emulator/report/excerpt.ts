// SPDX-License-Identifier: MIT
/** The few lines of a long log that say why: those around the kernel's first fault, and the last ones. */
import { findFaults } from '../console/faults.js';

/** Lines that follow each other, and how many were left out before them. */
export interface LogPart {
  readonly omittedLines: number;
  readonly lines: readonly string[];
}

/** What the kernel says just before a fault often names the cause: 'Cannot open root device'. */
const LINES_BEFORE_FAULT = 4;
/** How many of the last lines are shown beside a fault that came before them. */
const LAST_LINES = 4;

/** At most `linesMax` lines of `log`, in order. `linesMax` must be more than the lines kept before a fault and at the end. */
export function excerptOfLog(log: readonly string[], linesMax: number): readonly LogPart[] {
  const lastFrom = Math.max(0, log.length - linesMax);
  const [fault] = findFaults(log);
  const from = fault === undefined ? lastFrom : Math.max(0, fault.line - LINES_BEFORE_FAULT);
  if (from >= lastFrom) return [{ omittedLines: lastFrom, lines: log.slice(lastFrom) }];
  const to = from + linesMax - LAST_LINES;
  const end = log.length - LAST_LINES;
  return [
    { omittedLines: from, lines: log.slice(from, to) },
    { omittedLines: end - to, lines: log.slice(end) },
  ];
}
