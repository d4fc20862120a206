// SPDX-License-Identifier: MIT
/** Reads YAML text into plain values, and remembers the position of each value in the text. */
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, visit, type Document, type Node, type Pair } from 'yaml';
import { issueAt, sourceText, type YamlIssue, type YamlIssueCode } from './issue.js';

/** Keys and indexes from the root: `['partitions', 0, 'size']`. */
export type YamlPath = readonly (string | number)[];

export interface YamlFile {
  readonly file: string;
  /** Mappings as objects, sequences as arrays, scalars as YAML 1.2 core types. */
  readonly value: unknown;
  /**
   * An issue at the value at `path`, or at its key when `part` is 'key'. A path that does not exist
   * is placed at its nearest existing parent.
   */
  readonly issue: (code: YamlIssueCode, path: YamlPath, message: string, part?: 'key' | 'value') => YamlIssue;
}

/** Characters that YAML 1.2 forbids, although text files can contain them. Every binary file contains some. */
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]|\p{Cs}/u;

/** The file's single document, or all issues of its syntax (at least one). */
export function loadYaml(text: string, file: string): YamlFile | { readonly issues: readonly YamlIssue[] } {
  const source = sourceText(text, file);
  const syntax = ([from, to]: readonly [number, number], message: string): YamlIssue =>
    issueAt('syntax', source, [from, to], message);
  const forbidden = FORBIDDEN.exec(text);
  if (forbidden)
    return {
      issues: [
        syntax(
          [forbidden.index, forbidden.index + 1],
          `${forbidden[0]} is a character that a YAML file may not contain`,
        ),
      ],
    };
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    // In a plain object, a key that occurs twice would be lost silently.
    uniqueKeys: true,
    stringKeys: true,
    logLevel: 'silent',
  });
  const parsed = Array.isArray(documents) ? (documents as Document.Parsed[]) : [];
  const [document, second] = parsed;
  if (document === undefined) return { issues: [syntax([0, 0], 'the file is empty')] };
  const issues = parsed
    .flatMap(({ errors, warnings }) => [...errors, ...warnings])
    .map(({ message, pos }) =>
      syntax(
        pos,
        /^Maximum call stack/.test(message) ? 'values are nested too deeply from here on' : firstLine(message),
      ),
    );
  if (second?.range) issues.push(syntax([second.range[0], second.range[0] + 1], 'a second document: a file holds one'));
  let firstAlias: readonly [number, number] | undefined;
  visit(document, {
    Alias: (_, alias, within) => {
      const place = rangeOf(alias) ?? [0, 0];
      firstAlias ??= place;
      const named = alias.resolve(document);
      if (!named) issues.push(syntax(place, `there is no anchor '&${alias.source}' above`));
      else if (within.includes(named))
        issues.push(syntax(place, `'*${alias.source}' is inside the value that it refers to, which would never end`));
    },
  });
  if (issues.length > 0) return { issues };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { issues: [syntax(firstAlias ?? [0, 0], firstLine((error as Error).message))] };
  }
  return {
    file,
    value,
    issue: (code, path, message, part = 'value') => issueAt(code, source, placeOf(document, path, part), message),
  };
}

function placeOf(document: Document.Parsed, path: YamlPath, part: 'key' | 'value'): readonly [number, number] {
  let node: Node | null = document.contents;
  let place = rangeOf(node) ?? [0, 0];
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    let next: Node | null = null;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step)) as
        Pair<Node, Node | null> | undefined;
      if (pair === undefined) return place;
      const key = rangeOf(pair.key) ?? place;
      if (depth === path.length - 1 && part === 'key') return key;
      next = pair.value;
      place = rangeOf(next) ?? key;
    } else if (isSeq(node)) {
      next = (node.items[Number(step)] as Node | undefined) ?? null;
      place = rangeOf(next) ?? place;
    }
    if (next === null) return place;
    node = next;
  }
  return place;
}

/** The range of a node's own text. A node without text (an empty value) has no range. */
function rangeOf(node: Node | null): readonly [number, number] | undefined {
  const range = node?.range;
  if (!range || range[0] === range[1]) return undefined;
  // For a mapping or sequence, only its first character is underlined, not everything in it.
  return isMap(node) || isSeq(node) ? [range[0], range[0] + 1] : [range[0], range[1]];
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
