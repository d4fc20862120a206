// SPDX-License-Identifier: MIT
/** What the compiler has warned of in a tree that is built again and again, where make tells only of the files that it compiles. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { warningsAfter, type KnownWarnings } from '../emulator/validate/compiler.js';

/** The file with the warnings: beside a tree by file of the source, in an artifact as a list. */
export const WARNINGS = 'warnings.json';

/**
 * Keeps beside `tree` the warnings of all its files, while `work` tells what make prints in it, also when make fails or is
 * interrupted: what it has compiled by then is not compiled again.
 */
export async function withWarnings(
  tree: string,
  work: (onLine: (line: string) => void) => Promise<void>,
): Promise<KnownWarnings> {
  const file = join(dirname(tree), WARNINGS);
  const known = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as KnownWarnings,
    () => ({}),
  );
  // Earlier patches may have had files of their own.
  const isThere = (unit: string): boolean => ['.c', '.S', ''].some((end) => existsSync(join(tree, unit + end)));
  const before = Object.fromEntries(Object.entries(known).filter(([unit]) => isThere(unit)));
  const log: string[] = [];
  const save = async (): Promise<KnownWarnings> => {
    const warnings = warningsAfter(before, log);
    await writeFile(file, JSON.stringify(warnings));
    return warnings;
  };
  try {
    await work((line) => void log.push(line));
  } catch (error) {
    await save();
    throw error;
  }
  return save();
}
