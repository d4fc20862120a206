// SPDX-License-Identifier: MIT
/** The records that a kernel's make keeps of its commands: `.NAME.cmd` beside each file that it has made. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes the records that were torn when an earlier make was killed, so that make repeats their commands. It would not
 * get as far: it reads all records first, and half a record is a syntax error.
 * @returns the number of records that are left, which is the number of complete steps.
 */
export async function keepWholeRecords(tree: string): Promise<number> {
  const records = (await readdir(tree, { recursive: true })).filter((name) => /(?:^|\/)\.[^/]+\.cmd$/.test(name));
  let left = 0;
  for (const name of records) {
    const file = join(tree, name);
    if (isWhole(await readFile(file, 'utf8'))) left += 1;
    else await rm(file);
  }
  return left;
}

/**
 * A record with dependencies, which is that of a compiler, ends with a rule for them (scripts/basic/fixdep.c of the
 * kernel); any other one is a single line.
 */
const isWhole = (record: string): boolean =>
  /-Wp,-MMD,|^deps_/m.test(record) ? record.endsWith('):\n') : record.endsWith('\n');
