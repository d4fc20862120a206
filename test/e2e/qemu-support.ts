// SPDX-License-Identifier: MIT
/** What tests of scenarios in QEMU share. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { snapback } from './cycle-support.js';

/**
 * Runs a scenario, which must pass, beside these files, by the command line. Answers the path of the JSON report, which is kept as long
 * as the test runs, and what was printed.
 */
export async function pass(t: Test, scenario: string, files: Readonly<Record<string, string>> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'snapback-qemu-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const [file, json] = [join(dir, 'x.yaml'), join(dir, 'x.json')];
  for (const [name, text] of Object.entries({ ...files, 'x.yaml': scenario })) await writeFile(join(dir, name), text);
  const { status, stdout, stderr } = await snapback(['run', file, '--json', json]);
  t.equal(status, 0, stdout + stderr);
  return { json, stdout };
}
