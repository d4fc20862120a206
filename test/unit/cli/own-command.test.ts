// SPDX-License-Identifier: MIT
/** What people are told to type leads to this Snapback from where they are, and never to the other project of that name. */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { ownCommand } from '../../../tools/run/own-command.js';

const script = packagePath('tools', 'snapback.mjs');

t.test('within the checkout, npx finds the command', (t) => {
  t.equal(ownCommand(packagePath(), {}), 'npx snapback');
  t.equal(ownCommand(packagePath('test', 'scenarios'), {}), 'npx snapback');
  t.end();
});

t.test('elsewhere npx would fetch another project: the script itself is named', (t) => {
  t.equal(ownCommand('/', {}), `node ${script}`);
  t.equal(ownCommand('/', { PATH: '/usr/bin:/nowhere' }), `node ${script}`);
  t.end();
});

t.test('within a project that has the package; within one that has the other', (t) => {
  const dir = t.testdir({ 'package.json': '{}', deeper: {} });
  t.equal(ownCommand(dir, {}), `node ${script}`);
  const bin = join(dir, 'node_modules/.bin/snapback');
  mkdirSync(dirname(bin), { recursive: true });
  symlinkSync(script, bin);
  t.equal(ownCommand(dir, {}), 'npx snapback');
  t.equal(ownCommand(join(dir, 'deeper'), {}), 'npx snapback');
  const other = t.testdir({ 'package.json': '{}', node_modules: { '.bin': { snapback: '' } } });
  t.equal(ownCommand(other, {}), `node ${script}`);
  t.end();
});

t.test('where the PATH leads here, the command alone; where another comes first, not', (t) => {
  const dir = t.testdir({ ours: {}, theirs: { snapback: '#!/bin/sh\n' } });
  symlinkSync(script, join(dir, 'ours/snapback'));
  chmodSync(join(dir, 'theirs/snapback'), 0o755);
  t.equal(ownCommand('/', { PATH: `/nowhere:${join(dir, 'ours')}` }), 'snapback');
  t.equal(ownCommand('/', { PATH: `${join(dir, 'theirs')}:${join(dir, 'ours')}` }), `node ${script}`);
  t.end();
});
