// SPDX-License-Identifier: MIT
/** Parses output of the kernel's build: complaints of compilers and checkers, options and objects. */

/** The lines that complain. */
export function complaintsOf(output: string): readonly string[] {
  return output
    .split('\n')
    .filter((line) => /\b(?:warning|error|WARNING|ERROR)\b:|undefined reference|\*\*\*/.test(line));
}

/** The complaints `after` that are not in `before`. Line numbers are ignored. */
export function newComplaints(before: readonly string[], after: readonly string[]): readonly string[] {
  const withoutPlace = (line: string): string => line.replace(/:\d+/g, '');
  const left = new Map<string, number>();
  for (const line of before) left.set(withoutPlace(line), (left.get(withoutPlace(line)) ?? 0) + 1);
  return after.filter((line) => {
    const count = left.get(withoutPlace(line)) ?? 0;
    left.set(withoutPlace(line), count - 1);
    return count <= 0;
  });
}

/** The options that a diff adds to Kconfig files, as `CONFIG_NAME`. */
export function addedOptions(diff: string): readonly string[] {
  return [...diff.matchAll(/^\+(?:menu)?config (\w+)$/gm)].map(([, name = '']) => `CONFIG_${name}`);
}

/**
 * The option in a Makefile by which `object` is built; undefined when it is always built, or is part of another object.
 */
export function configSymbolOf(makefile: string, object: string): string | undefined {
  const joined = makefile.replace(/\\\n/g, ' ');
  return [...joined.matchAll(/^obj-\$\((CONFIG_\w+)\)\s*\+?=\s*(.*)$/gm)].find(([, , objects = '']) =>
    objects.split(/\s+/).includes(`${object}.o`),
  )?.[1];
}

/** The symbols of the objects that the series touches, at one commit. */
export interface Linkage {
  readonly at: string;
  readonly defined: ReadonlySet<string>;
  readonly wanted: ReadonlySet<string>;
}

/** Reads the output of `nm`. */
export function symbolsIn(listing: string): Omit<Linkage, 'at'> {
  const defined = new Set<string>();
  const wanted = new Set<string>();
  for (const [, kind = '', name = ''] of listing.matchAll(/ ([A-Za-z]) (\S+)$/gm)) {
    if (kind === 'U') wanted.add(name);
    else if (kind === kind.toUpperCase()) defined.add(name);
  }
  return { defined, wanted };
}

/** Symbols that an object needs at a commit but only a later commit defines: that kernel cannot be linked. */
export function missingSymbols(
  series: readonly Linkage[],
): readonly { readonly at: string; readonly missing: readonly string[] }[] {
  return series.flatMap(({ at, defined, wanted }, index) => {
    const later = series.slice(index + 1);
    const missing = [...wanted].filter(
      (symbol) => !defined.has(symbol) && later.some((other) => other.defined.has(symbol)),
    );
    return missing.length === 0 ? [] : [{ at, missing }];
  });
}
