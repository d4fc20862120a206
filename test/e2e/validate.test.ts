// SPDX-License-Identifier: MIT
/** `snapback validate`: from patches to a verdict. The kernels are those of two mutants, which another test builds, too. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { snapback, type CommandEnd } from './cycle-support.js';

// On a machine that has the kernel of the series and no tree for patches, a whole kernel is compiled.
t.setTimeout(1_800_000);

const MATRIX = 'scenarios:\n  - { name: short, scenario: rollback-short }\n';

/** Validates these mutants together, with one cell. */
async function validate(dir: string, mutants: readonly string[], ...more: readonly string[]): Promise<CommandEnd> {
  const matrix = join(dir, 'matrix.yaml');
  await writeFile(matrix, MATRIX);
  const patches = mutants.map((name) => packagePath('test', 'mutants', `${name}.patch`));
  return snapback(['validate', '--matrix', matrix, ...more, '--patches', ...patches]);
}

t.test('a patch that breaks a cell', async (t) => {
  const dir = t.testdir();
  const file = (name: string): string => join(dir, name);
  const outputs = ['json', 'ktap', 'junit', 'html', 'summary', 'trace'].flatMap((kind) => [`--${kind}`, file(kind)]);
  const { status, stdout } = await validate(dir, ['preserve-writable'], '--bisect', ...outputs);
  t.equal(status, 1);
  t.match(stdout, /^BROKEN /m);
  t.match(stdout, /preserved pages are not write-protected/, 'the finding');
  t.match(stdout, /short is broken first by .*write/i, 'the bisection');
  const text = (name: string): Promise<string> => readFile(file(name), 'utf8');
  const { verdict, cells } = JSON.parse(await text('json')) as { verdict: string; cells: readonly object[] };
  t.match({ verdict, cells }, { verdict: 'broken', cells: [{ change: 'broken' }] });
  t.match(await text('ktap'), /^ *not ok 1 /m);
  t.match(await text('junit'), /<failure /);
  t.match(await text('html'), /^<!doctype html>[^]*short/i);
  t.match(await text('summary'), /broken/i);
  const { traceEvents } = JSON.parse(await text('trace')) as { traceEvents: readonly { name: string }[] };
  t.ok(
    traceEvents.some(({ name }) => name === 'rollback'),
    'the trace shows the way back',
  );
});

t.test('a patch that breaks nothing', async (t) => {
  const { status, stdout } = await validate(t.testdir(), ['innocent'], '--bisect');
  t.equal(status, 0);
  t.match(stdout, /^NOT BROKEN /m);
});

t.test('what cannot be a patch is refused with a remedy', async (t) => {
  const dir = t.testdir({ 'note.patch': 'Dear all, here is no patch.\n' });
  const { status, stderr } = await snapback(['validate', '--patches', join(dir, 'note.patch')]);
  t.equal(status, 2);
  t.match(stderr, /note\.patch[^]*what to do: /);
  t.notMatch(stderr, /\n {4}at /);
});
