// SPDX-License-Identifier: MIT
/** Finds, in the lines of a console, what the kernel says when something is wrong. Made against golden logs. */
import { FAULT_PATTERNS, type FaultKind, type FaultPattern } from './patterns.js';

export interface Fault {
  readonly kind: FaultKind;
  /** The kernel's own words, without time stamp. */
  readonly title: string;
  /** Index of the line that begins the report, 0-based. */
  readonly line: number;
  /** The report, at most {@link EXCERPT_LINES_MAX} lines; a run of one-line messages of a kind is one fault. */
  readonly excerpt: readonly string[];
  /** How many messages the fault stands for. */
  readonly count: number;
}

export const EXCERPT_LINES_MAX = 80;

/** A time stamp may stand anywhere: printk does not wait for a program to finish its line. */
const STAMP = /(?:<\d+>)?\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?/;
const CUT_HERE = /^-+\[ cut here \]-+$/;
const END_OF_REPORT =
  /^(?:---\[ end (?:trace|Kernel panic)|<\/TASK>| ?<\/TASK>|Restarting tasks|Out of memory.*Killed process|OOM killer enabled)/;
/** Specific kinds name the cause; these only say that the kernel stopped there. */
const GENERIC: ReadonlySet<FaultKind> = new Set<FaultKind>(['bug', 'warning', 'oops']);
/** These begin a report of their own even within another one. */
const ALWAYS_NEW: ReadonlySet<FaultKind> = new Set<FaultKind>(['panic']);

/** The message of a console line: what follows the time stamp, or the whole line when there is none. */
export function messageOf(line: string): string {
  const stamp = STAMP.exec(line);
  return (stamp === null ? line : line.slice(stamp.index + stamp[0].length)).trimStart();
}

const patternOf = (message: string): FaultPattern | undefined =>
  FAULT_PATTERNS.find((each) => each.message.test(message));

/** Indices of the lines that faults are found by, 0-based. */
export function faultLines(lines: readonly string[]): readonly number[] {
  return lines.flatMap((line, index) => (patternOf(messageOf(line)) === undefined ? [] : [index]));
}

interface OpenFault {
  /** Nobody is to be told of it. */
  allowed: boolean;
  kind: FaultKind;
  title: string;
  readonly line: number;
  readonly excerpt: string[];
  count: number;
  /** Still takes lines? */
  extent: 'single' | 'report' | 'cutHere';
}

/**
 * All faults in the order in which they begin, but for those that are allowed: the lines of `allowed` (indices, see
 * `faultLines`) are no faults. A report is allowed as a whole when one of the lines is that it is found by.
 */
export function findFaults(lines: readonly string[], allowed: ReadonlySet<number> = new Set()): Fault[] {
  const faults: OpenFault[] = [];
  let open: OpenFault | undefined;
  let cutHere: number | undefined;

  for (const [index, line] of lines.entries()) {
    const message = messageOf(line);
    if (CUT_HERE.test(message)) {
      cutHere = index;
      open = undefined;
      continue;
    }
    const pattern = patternOf(message);
    const isAllowed = allowed.has(index);
    if (pattern !== undefined && !joins(open, pattern, line, message, isAllowed)) {
      const first: number = cutHere ?? index;
      open = {
        allowed: isAllowed,
        kind: pattern.kind,
        title: message,
        line: first,
        excerpt: lines.slice(first, index + 1),
        count: 1,
        extent: cutHere === undefined ? pattern.extent : 'cutHere',
      };
      faults.push(open);
      cutHere = undefined;
    } else if (open !== undefined && open.extent !== 'single' && pattern === undefined) {
      if (open.excerpt.length < EXCERPT_LINES_MAX) open.excerpt.push(line);
      else if (open.extent === 'report') open = undefined;
    } else if (pattern === undefined) {
      open = undefined;
    }
    if (open !== undefined && END_OF_REPORT.test(message)) open = undefined;
  }
  return faults
    .filter((fault) => !fault.allowed)
    .map(({ kind, title, line, excerpt, count }) => ({ kind, title, line, excerpt, count }));
}

/**
 * True when a message belongs to the fault that is being read, which then takes it in: a repeated one-line message,
 * or a further line of the same report (`BUG: unable to handle ...` is followed by `Oops: ...`).
 */
function joins(
  open: OpenFault | undefined,
  pattern: FaultPattern,
  line: string,
  message: string,
  isAllowed: boolean,
): boolean {
  if (open === undefined || ALWAYS_NEW.has(pattern.kind)) return false;
  if (open.extent === 'single') {
    if (pattern.extent !== 'single' || pattern.kind !== open.kind || isAllowed !== open.allowed) return false;
    open.count++;
  } else if (open.extent === 'report') {
    const sameReport =
      open.kind === pattern.kind &&
      (GENERIC.has(open.kind) || pattern.extent === 'single' || open.kind === 'outOfMemory');
    const continues =
      (open.kind === 'bug' || open.kind === 'listCorruption' || open.kind === 'oops') && GENERIC.has(pattern.kind);
    if (!sameReport && !continues) return false;
  } else if (GENERIC.has(open.kind) && !GENERIC.has(pattern.kind)) {
    open.kind = pattern.kind;
    open.title = message;
  }
  open.allowed ||= isAllowed;
  if (open.excerpt.length < EXCERPT_LINES_MAX) open.excerpt.push(line);
  return true;
}
