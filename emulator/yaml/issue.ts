// SPDX-License-Identifier: MIT
/** What is wrong in a YAML file, and where: collected rather than thrown, so that people see all of it at once. */

export type YamlIssueCode =
  /** Not YAML at all. */
  | 'syntax'
  /** A key that means nothing here. */
  | 'unknownKey'
  /** A key that must be there and is not. */
  | 'missingKey'
  /** A number where text is wanted, a list where a mapping is wanted... */
  | 'wrongType'
  /** The right type, but not a value that can be. */
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

/** Place and text of an issue: the offsets are into `text`. */
export function issueAt(
  code: YamlIssueCode,
  file: string,
  text: string,
  range: readonly [number, number],
  message: string,
): YamlIssue {
  const from = Math.min(range[0], text.length);
  const lineStart = text.lastIndexOf('\n', from - 1) + 1;
  const lineEnd = endOfLine(text, lineStart);
  const line = text.slice(lineStart, lineEnd);
  const carets = '^'.repeat(Math.max(1, Math.min(range[1], lineEnd) - from));
  // A tab before the caret stays a tab, so that the caret stands right whatever width tabs are shown with.
  const indent = line.slice(0, from - lineStart).replaceAll(/[^\t]/g, ' ');
  return {
    code,
    file,
    line: text.slice(0, lineStart).split('\n').length,
    col: from - lineStart + 1,
    message,
    excerpt: `${line}\n${indent}${carets}`,
  };
}

function endOfLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  const end = newline < 0 ? text.length : newline;
  return text[end - 1] === '\r' && end > from ? end - 1 : end;
}

/** `file:line:col: message`, then the excerpt indented; one issue after another. */
export function renderIssues(issues: readonly YamlIssue[]): string {
  return issues
    .map(({ file, line, col, message, excerpt }) => {
      const shown = excerpt.split('\n').map((row) => `    ${row}`.trimEnd());
      return [`${file}:${line}:${col}: ${message}`, ...shown].join('\n');
    })
    .join('\n');
}
