// SPDX-License-Identifier: MIT
/** The manual pages say what program and kernel do: the same commands, options, variables, errors and policies. */
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { run } from './fixtures/programs.js';

const page = (path: string): string => readFileSync(packagePath('guest-kernel', 'man', path), 'utf8');
const all = (text: string, pattern: RegExp): readonly string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, one]) => one ?? ''))].sort();

test('snapctl(8) has the commands and options of snapctl', async (t) => {
  const usage = run('snapctl', '--help').stdout;
  const man = page('man8/snapctl.8');
  const synopsis = man.slice(man.indexOf('.Sh SYNOPSIS'), man.indexOf('.Sh DESCRIPTION'));
  t.same(all(synopsis, /^\.Cm (\w+)/gm), all(usage, /snapctl (\w+)/g));
  t.same(all(synopsis, /Fl -([\w-]+)/g), all(usage, /--([\w-]+)/g));
  t.same(all(synopsis, /Fl (\w) /g), all(usage, / \[-(\w) /g));
  for (const command of all(usage, /snapctl (\w+)/g)) t.match(man, new RegExp(`^\\.It Cm ${command}\\b`, 'm'), command);
});

test('snapctl(8) has the environment and the default level of snapctl', async (t) => {
  const source = (name: string): string =>
    readFileSync(packagePath('guest-kernel', 'userspace', 'snapctl', name), 'utf8');
  const man = page('man8/snapctl.8');
  t.same(all(man, /^\.It Ev (\w+)/gm), all(source('call.h'), /"(SNAPSHOT_\w+)"/g));
  t.equal(all(man, /^The default is \\-(\d+)\.$/gm)[0], all(source('container.h'), /#define SAVE_LEVEL -(\d+)/g)[0]);
  t.same(all(man, /at most (\d+) filesystems/g), all(source('container.h'), /#define SNAP_FILESYSTEMS_MAX\s+(\d+)/g));
});

test("snapshot(2) has the errors and policies of the kernel's documentation", async (t) => {
  const patches = packagePath('guest-kernel', 'patches');
  const patch = readdirSync(patches).find((name) => name.includes('Documentation')) ?? '';
  const documentation = readFileSync(`${patches}/${patch}`, 'utf8');
  const man = page('man2/snapshot.2');
  const errors = all(documentation, /^\+(E[A-Z]+) {2,}/gm);
  t.ok(errors.length > 5);
  t.same(
    errors.filter((error) => !new RegExp(`^\\.It Bq Er ${error}\\b`, 'm').test(man)),
    [],
  );
  const policies = all(documentation, /\/sys\/kernel\/snapshot\/(\w+)/g);
  t.same(
    policies.filter((policy) => !man.includes(`.It Pa /sys/kernel/snapshot/${policy}\n`)),
    [],
  );
});
