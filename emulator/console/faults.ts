// SPDX-License-Identifier: MIT
/** Finds kernel messages about faults in the lines of a console. The patterns were developed with golden logs. */
import { FAULT_PATTERNS, type FaultKind, type FaultPattern } from './patterns.js';

export interface Fault {
  readonly kind: FaultKind;
  /** The kernel's message, without its time stamp. */
  readonly title: string;
  /** Index of the line that begins the report, 0-based. */
  readonly line: number;
  /**
   * The report, at most {@link EXCERPT_LINES_MAX} lines. Consecutive one-line messages of the same kind are one fault.
   */
  readonly excerpt: readonly string[];
  /** The number of messages in the fault. */
  readonly count: number;
}

export const EXCERPT_LINES_MAX = 80;

/** A time stamp can be anywhere in a line: printk does not wait until a program has finished its line. */
const STAMP = /(?:<\d+>)?\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?/;
const CUT_HERE = /^-+\[ cut here \]-+$/;
const END_OF_REPORT =
  /^(?:---\[ end (?:trace|Kernel panic)|<\/TASK>| ?<\/TASK>|Restarting tasks|Out of memory.*Killed process|OOM killer enabled)/;
/** The kind of a report that no pattern matches. */
const UNKNOWN_REPORT: FaultKind = 'warning';
/** Kinds that only mean that the kernel stopped. All other kinds name a cause. */
const GENERIC: ReadonlySet<FaultKind> = new Set<FaultKind>(['bug', 'warning', 'oops']);
/** Kinds that begin a new report even within another one. */
const ALWAYS_NEW: ReadonlySet<FaultKind> = new Set<FaultKind>(['panic']);

/** The message of a console line: the text after the time stamp, or the whole line when it has none. */
export function messageOf(line: string): string {
  const stamp = STAMP.exec(line);
  return (stamp === null ? line : line.slice(stamp.index + stamp[0].length)).trimStart();
}

const patternOf = (message: string): FaultPattern | undefined =>
  FAULT_PATTERNS.find((each) => each.message.test(message));

/**
 * The lines by which faults are found: those that match a pattern, and the first line of each report. Their indices,
 * 0-based, and the kinds of fault.
 */
export function faultLines(lines: readonly string[]): readonly { readonly index: number; readonly kind: FaultKind }[] {
  let isCut = false;
  return lines.flatMap((line, index) => {
    const message = messageOf(line);
    const isFirst = isCut && message !== '' && !CUT_HERE.test(message);
    isCut = CUT_HERE.test(message) || (isCut && message === '');
    const kind = patternOf(message)?.kind ?? (isFirst ? UNKNOWN_REPORT : undefined);
    return kind === undefined ? [] : [{ index, kind }];
  });
}

interface OpenFault {
  /** The fault is allowed and is not reported. */
  allowed: boolean;
  kind: FaultKind;
  title: string;
  readonly line: number;
  readonly excerpt: string[];
  count: number;
  /** Whether a line has matched a pattern. Else the fault is known only by the line `cut here`. */
  known: boolean;
  /** Whether the report can still get more lines. */
  extent: 'single' | 'report' | 'cutHere';
}

/**
 * All faults, in the order in which they begin. A report that begins with `cut here` is one even if no pattern matches
 * it. The lines of `allowed` (indices from `faultLines`) are no faults. One such line allows its whole report.
 */
export function findFaults(lines: readonly string[], allowed: ReadonlySet<number> = new Set()): Fault[] {
  const faults: OpenFault[] = [];
  let open: OpenFault | undefined;

  for (const [index, line] of lines.entries()) {
    const message = messageOf(line);
    if (CUT_HERE.test(message)) {
      // The line may come twice.
      if (open !== undefined && CUT_HERE.test(open.title)) continue;
      open = reportAt(index, line, message);
      faults.push(open);
      continue;
    }
    const pattern = patternOf(message);
    const isAllowed = allowed.has(index);
    if (open !== undefined && !open.known) {
      describe(open, pattern, line, message, isAllowed);
      // Without an end it would take in the rest of the console.
      if (!open.known && open.excerpt.length >= EXCERPT_LINES_MAX) open = undefined;
    } else if (pattern !== undefined && !joins(open, pattern, line, message, isAllowed)) {
      const { kind, extent } = pattern;
      open = { allowed: isAllowed, kind, title: message, line: index, excerpt: [line], count: 1, known: true, extent };
      faults.push(open);
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

/** A report of which only the line `cut here` has been read. */
const reportAt = (index: number, line: string, message: string): OpenFault => ({
  allowed: false,
  kind: UNKNOWN_REPORT,
  title: message,
  line: index,
  excerpt: [line],
  count: 1,
  known: false,
  extent: 'cutHere',
});

/** Adds a line to a report that is not known yet. Its title is its first line, until a line matches a pattern. */
function describe(
  open: OpenFault,
  pattern: FaultPattern | undefined,
  line: string,
  message: string,
  isAllowed: boolean,
): void {
  if (pattern !== undefined) Object.assign(open, { kind: pattern.kind, title: message, known: true });
  else if (CUT_HERE.test(open.title) && message !== '') open.title = message;
  open.allowed ||= isAllowed;
  if (open.excerpt.length < EXCERPT_LINES_MAX) open.excerpt.push(line);
}

/**
 * True when a message belongs to the fault that is being read, and is added to it: a repeated one-line message, or
 * another line of the same report (`BUG: unable to handle ...` is followed by `Oops: ...`).
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
