// SPDX-License-Identifier: MIT
/** Reads YAML text into plain values, and remembers where in the text each of them stands. */
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, visit, type Document, type Node, type Pair } from 'yaml';
import { issueAt, sourceText, type YamlIssue, type YamlIssueCode } from './issue.js';

/** Keys and indexes from the root: `['partitions', 0, 'size']`. */
export type YamlPath = readonly (string | number)[];

export interface YamlFile {
  readonly file: string;
  /** Mappings as objects, sequences as arrays, scalars as YAML 1.2 core types. */
  readonly value: unknown;
  /**
   * An issue at the value at `path`, or at its key when `part` is 'key'. A path that leads nowhere
   * is placed at the nearest thing above it that exists.
   */
  readonly issue: (code: YamlIssueCode, path: YamlPath, message: string, part?: 'key' | 'value') => YamlIssue;
}

/** Characters that YAML 1.2 does not permit, though text files may hold them; no binary file is without. */
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]|\p{Cs}/u;

/** The file's single document, or everything that is wrong with its syntax (at least one issue). */
export function loadYaml(text: string, file: string): YamlFile | { readonly issues: readonly YamlIssue[] } {
  const source = sourceText(text, file);
  const syntax = ([from, to]: readonly [number, number], message: string): YamlIssue =>
    issueAt('syntax', source, [from, to], message);
  const forbidden = FORBIDDEN.exec(text);
  if (forbidden)
    return {
      issues: [
        syntax([forbidden.index, forbidden.index + 1], `${forbidden[0]} is no character that a YAML file may hold`),
      ],
    };
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    // A key given twice would be lost without a word in a plain object.
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
      if (!named) issues.push(syntax(place, `nothing above is called '&${alias.source}'`));
      else if (within.includes(named))
        issues.push(syntax(place, `'*${alias.source}' stands within what it is a name of, which would have no end`));
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

/** From where to where a node's own text goes; a node without any (an empty value) has no place of its own. */
function rangeOf(node: Node | null): readonly [number, number] | undefined {
  const range = node?.range;
  if (!range || range[0] === range[1]) return undefined;
  // A mapping or sequence would underline everything in it: its first character says enough.
  return isMap(node) || isSeq(node) ? [range[0], range[0] + 1] : [range[0], range[1]];
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
