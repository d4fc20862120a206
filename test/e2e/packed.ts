// SPDX-License-Identifier: MIT
/** What tests of the package share: the package as others get it, and folders of their own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';

/** The environment of its programs: not that of the tests. */
export const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' };
/** A short scenario, which passes. */
export const SCENARIO = 'name: mine\ncontrol: false\nsteps: [boot, { run: { command: uname -s, stdout: ^Linux$ } }]\n';

/** A folder of the test's own, outside the checkout. */
export function ownFolder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'snapback-project-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The packed package, and what is in it. */
export function pack(dir: string): { readonly tarball: string; readonly files: readonly string[] } {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', dir], {
      cwd: packagePath(),
      env,
      encoding: 'utf8',
    }),
  ) as [{ filename: string; files: readonly { path: string }[] }];
  return { tarball: join(dir, packed.filename), files: packed.files.map(({ path }) => path) };
}
