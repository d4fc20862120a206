// SPDX-License-Identifier: MIT
/**
 * The issues of a YAML file with their places. They are collected, not thrown, so that people see all of them at once.
 */

import { printableLine } from '../report/escape.js';

export type YamlIssueCode =
  /** Invalid YAML. */
  | 'syntax'
  /** A key that is not known here. */
  | 'unknownKey'
  /** A required key is missing. */
  | 'missingKey'
  /** A value of the wrong type, such as a number instead of text or a list instead of a mapping. */
  | 'wrongType'
  /** A value of the right type that is not allowed. */
  | 'badValue';

export interface YamlIssue {
  readonly code: YamlIssueCode;
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly col: number;
  readonly message: string;
  /** The line concerned, and below it a caret under `col`. */
  readonly excerpt: string;
}

/** A file's text, prepared for any number of issues in it. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
  /** Where each line begins. */
  readonly lineStarts: readonly number[];
}

export function sourceText(text: string, file: string): SourceText {
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);
  return { file, text, lineStarts };
}

/** Numbers of characters that are shown of a line, before and from the place of an issue. Written lines are shorter. */
const SHOWN_BEFORE = 200;
const SHOWN_FROM = 200;

/** Place and text of an issue: the offsets are into the text. */
export function issueAt(
  code: YamlIssueCode,
  { file, text, lineStarts }: SourceText,
  range: readonly [number, number],
  message: string,
): YamlIssue {
  const from = Math.min(range[0], text.length);
  const line = lineOf(lineStarts, from);
  const lineStart = lineStarts[line] ?? 0;
  const lineEnd = endOfLine(text, lineStart);
  const shownStart = Math.max(lineStart, from - SHOWN_BEFORE);
  const shownEnd = Math.min(lineEnd, from + SHOWN_FROM);
  const before = `${shownStart > lineStart ? '...' : ''}${printableLine(text.slice(shownStart, from))}`;
  const marked = printableLine(text.slice(from, Math.min(range[1], shownEnd)));
  const after = printableLine(text.slice(Math.min(from + Math.max(0, range[1] - from), shownEnd), shownEnd));
  // A tab before the caret stays a tab, so that the caret is at the right column for any tab width.
  const indent = before.replaceAll(/[^\t]/g, ' ');
  return {
    code,
    file,
    line: line + 1,
    col: from - lineStart + 1,
    message,
    excerpt: `${before}${marked}${after}${shownEnd < lineEnd ? '...' : ''}\n${indent}${'^'.repeat(Math.max(1, marked.length))}`,
  };
}

/** Index of the line that holds the offset `at`. */
function lineOf(lineStarts: readonly number[], at: number): number {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  return low;
}

function endOfLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  const end = newline < 0 ? text.length : newline;
  return text[end - 1] === '\r' && end > from ? end - 1 : end;
}

/** More issues give no more information: such a file is of another kind. */
const SHOWN_ISSUES = 20;

/** `file:line:col: message`, then the indented excerpt, for the first 20 issues; then the number of further ones. */
export function renderIssues(issues: readonly YamlIssue[]): string {
  const more = issues.length - SHOWN_ISSUES;
  return [
    ...issues.slice(0, SHOWN_ISSUES).map(({ file, line, col, message, excerpt }) => {
      const shown = excerpt.split('\n').map((row) => `    ${row}`.trimEnd());
      return [`${printableLine(file)}:${line}:${col}: ${printableLine(message)}`, ...shown].join('\n');
    }),
    ...(more > 0 ? [`and ${more} more`] : []),
  ].join('\n');
}
