// SPDX-License-Identifier: MIT
/** Selects the lines of a long log that show the cause: those around the kernel's first fault, and the last ones. */
import { findFaults } from '../console/faults.js';

/** Consecutive lines, and the number of omitted lines before them. */
export interface LogPart {
  readonly omittedLines: number;
  readonly lines: readonly string[];
}

/** Lines just before a fault often name the cause: 'Cannot open root device'. */
const LINES_BEFORE_FAULT = 4;
/** Number of last lines that are shown in addition to an earlier fault. */
const LAST_LINES = 4;

/**
 * At most `linesMax` lines of `log`, in order. `linesMax` must be more than the lines kept before a fault and at the
 * end.
 */
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
