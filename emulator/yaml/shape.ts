// SPDX-License-Identifier: MIT
/**
 * Shapes describe the required form of a YAML value. A shape reads a plain value into a typed one and
 * reports every deviation at its place. Unknown keys always are deviations.
 *
 *     const disk = mapping({ size: required(byteSize()), label: optional(text()) });
 *     const result = readYaml(source, 'disk.yaml', disk);
 *     if ('issues' in result) console.error(renderIssues(result.issues));
 *
 * Scalars and collections are in `scalars.ts` and below. A custom shape is an object with `wants` and `read`.
 */
import { nearest } from './nearest.js';
import { loadYaml, type YamlFile, type YamlPath } from './load.js';
import type { YamlIssue, YamlIssueCode } from './issue.js';

/** The place that a shape reads, with the function to report an issue there. */
export interface Place {
  readonly path: YamlPath;
  readonly below: (step: string | number) => Place;
  readonly report: (code: YamlIssueCode, message: string, part?: 'key' | 'value') => void;
}

/** Reads a value. Its result is not used after it has reported an issue. */
export interface Shape<T> {
  /** For messages: 'a size in bytes'. */
  readonly wants: string;
  readonly read: (value: unknown, at: Place) => T;
}

/** A key of a mapping. Without `otherwise` the key must be there. */
export interface Field<T> {
  readonly shape: Shape<T>;
  readonly otherwise?: { readonly value: T };
}

/** The type of the value that a shape or a field reads. */
export type Read<S> = S extends Shape<infer T> ? T : S extends Field<infer T> ? T : never;
type Fields = Readonly<Record<string, Field<unknown>>>;
type ReadFields<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** Reads the text of a file as `shape`: the value (and the file, for further issues), or at least one issue. */
export function readYaml<T>(
  text: string,
  file: string,
  shape: Shape<T>,
): { readonly value: T; readonly source: YamlFile } | { readonly issues: readonly YamlIssue[] } {
  const source = loadYaml(text, file);
  if ('issues' in source) return source;
  const issues: YamlIssue[] = [];
  const value = shape.read(source.value, placeIn(source, [], issues));
  return issues.length > 0 ? { issues } : { value, source };
}

/** Issues beyond these are only counted. */
const PLACED_ISSUES = 100;

function placeIn(source: YamlFile, path: YamlPath, issues: YamlIssue[]): Place {
  return {
    path,
    below: (step) => placeIn(source, [...path, step], issues),
    // Finding a place takes time, and so many issues are never shown.
    report: (code, message, part) =>
      issues.push(source.issue(code, issues.length < PLACED_ISSUES ? path : [], message, part)),
  };
}

export const required = <T>(shape: Shape<T>): Field<T> => ({ shape });

/** Reads as undefined when the key is missing or has no value. */
export const optional = <T>(shape: Shape<T>): Field<T | undefined> => ({ shape, otherwise: { value: undefined } });

/** Reads as `value` when the key is missing or has no value. */
export const defaulted = <T>(shape: Shape<T>, value: T): Field<T> => ({ shape, otherwise: { value } });

/** A mapping with these keys and no others. */
export function mapping<F extends Fields>(fields: F, wants = 'a mapping'): Shape<ReadFields<F>> {
  return {
    wants,
    read: (value, at) => {
      const given = asObject(value, wants, at) ?? {};
      for (const key of Object.keys(given))
        if (!Object.hasOwn(fields, key))
          at.below(key).report('unknownKey', unknownKey(key, Object.keys(fields)), 'key');
      const read = Object.entries(fields).map(([key, { shape, otherwise }]): [string, unknown] => {
        const one = Object.hasOwn(given, key) ? given[key] : undefined;
        if (!isAbsent(one)) return [key, shape.read(one, at.below(key))];
        // A value of the wrong type has already been reported, so its missing keys are not reported again.
        if (!otherwise && isObject(value))
          at.below(key).report('missingKey', `'${key}' is missing (${shape.wants})`, 'key');
        return [key, otherwise?.value];
      });
      return Object.fromEntries(read) as ReadFields<F>;
    },
  };
}

/** A mapping whose keys are names that the user chooses. */
export function dictionary<T>(
  shape: Shape<T>,
  wants = `a mapping from names to ${shape.wants}`,
): Shape<Readonly<Record<string, T>>> {
  return {
    wants,
    read: (value, at) =>
      Object.fromEntries(
        Object.entries(asObject(value, wants, at) ?? {}).map(([key, one]) => [key, shape.read(one, at.below(key))]),
      ),
  };
}

/** A sequence, of at least `countMin` items. */
export function list<T>(shape: Shape<T>, countMin = 0): Shape<readonly T[]> {
  const wants = `a list of ${shape.wants}`;
  return {
    wants,
    read: (value, at) => {
      if (!Array.isArray(value)) {
        at.report('wrongType', `${wants} is wanted here, not ${describe(value)}`);
        return [];
      }
      if (value.length < countMin) at.report('badValue', `at least ${countMin} wanted here`);
      return value.map((one: unknown, index) => shape.read(one, at.below(index)));
    },
  };
}

/**
 * A mapping with exactly one key, which selects the shape: `{ run: ... }` or `{ suspend: ... }`.
 * A single word means the key without a value (`- suspend`). Its shape reads it as an empty mapping.
 */
export function choice<C extends Readonly<Record<string, Shape<unknown>>>>(
  shapes: C,
  wants = `one of ${Object.keys(shapes).join(', ')}`,
): Shape<{ readonly [K in keyof C & string]: { readonly kind: K; readonly value: Read<C[K]> } }[keyof C & string]> {
  type Chosen = { readonly [K in keyof C & string]: { readonly kind: K; readonly value: Read<C[K]> } }[keyof C &
    string];
  const never = undefined as unknown as Chosen;
  return {
    wants,
    read: (value, at) => {
      const given = typeof value === 'string' ? { [value]: null } : asObject(value, wants, at);
      if (given === undefined) return never;
      const [key, second] = Object.keys(given);
      if (key === undefined || second !== undefined) {
        at.report(
          'badValue',
          `${wants} is wanted here, ${key === undefined ? 'not nothing' : `not both '${key}' and '${second ?? ''}'`}`,
        );
        return never;
      }
      const shape = Object.hasOwn(shapes, key) ? shapes[key] : undefined;
      if (shape === undefined) {
        const place = typeof value === 'string' ? at : at.below(key);
        place.report('unknownKey', unknownKey(key, Object.keys(shapes)), 'key');
        return never;
      }
      return {
        kind: key,
        value: shape.read(given[key] ?? {}, typeof value === 'string' ? at : at.below(key)),
      } as Chosen;
    },
  };
}

/** `shape`, whose result is passed to `check`. It returns a message when the value is not allowed. */
export function checked<T>(shape: Shape<T>, check: (value: T) => string | undefined): Shape<T> {
  return {
    wants: shape.wants,
    read: (value, at) => {
      let sound = true;
      const watch = (place: Place): Place => ({
        ...place,
        below: (step) => watch(place.below(step)),
        report: (...issue) => {
          sound = false;
          place.report(...issue);
        },
      });
      const result = shape.read(value, watch(at));
      const wrong = sound ? check(result) : undefined;
      if (wrong !== undefined) at.report('badValue', wrong);
      return result;
    },
  };
}

/** Describes a value, for messages. */
export function describe(value: unknown): string {
  if (isAbsent(value)) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
  return `the ${typeof value === 'boolean' ? 'truth value' : typeof value} ${String(value)}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const like = nearest(key, known);
  return `unknown key '${key}': ${like === undefined ? `known here are ${known.join(', ')}` : `did you mean '${like}'?`}`;
}

function asObject(value: unknown, wants: string, at: Place): Record<string, unknown> | undefined {
  if (isObject(value)) return value;
  at.report('wrongType', `${wants} is wanted here, not ${describe(value)}`);
  return undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;
