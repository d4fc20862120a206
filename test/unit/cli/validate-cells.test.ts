// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { test } from 'tap';
import { MATRIX_DEFAULTS, matrixNames } from '../../../tools/run/matrix-names.js';
import { readCells } from '../../../tools/cli/validate-cells.js';

const SCENARIO = 'name: mine\nsteps:\n  - boot\n  - run: true\n  - shutdown\n';

test('a matrix is one that Snapback brings along, or a file', async (t) => {
  t.match(await readCells('quick', 'release'), [
    { name: 'short' },
    { name: 'rollback' },
    { name: 'swsusp' },
    { name: 'snapshot' },
  ]);
  const dir = t.testdir({
    'matrix.yaml': 'scenarios: [rollback, sub/mine.yaml]\n',
    sub: { 'mine.yaml': SCENARIO.replace('run: true', "run: 'true'") },
  });
  t.same(await readCells(join(dir, 'matrix.yaml'), 'release'), [
    { name: 'rollback', scenario: 'rollback' },
    { name: 'sub/mine', scenario: join(dir, 'sub/mine.yaml') },
  ]);
});

test('the matrices that Snapback brings along name scenarios and axes that are there', async (t) => {
  t.same(matrixNames().slice(0, 1), ['quick']);
  for (const name of matrixNames()) t.ok((await readCells(name, 'release')).length > 0, name);
});

test('on a pristine base, all kernels lack the series, and no cell may need it', async (t) => {
  const dir = t.testdir({
    'both.yaml': 'scenarios:\n  - { scenario: stock-cycle, flavour: [release, debug, pristine] }\n  - waiting.yaml\n',
    'waiting.yaml': SCENARIO.replace('run: true', "run: 'true'"),
  });
  const cells = await readCells(join(dir, 'both.yaml'), 'pristine', 'pristine');
  t.same(
    cells.map(({ flavour }) => flavour),
    ['pristine', 'pristine-debug', 'pristine', undefined],
  );
  t.ok((await readCells(MATRIX_DEFAULTS.pristine, 'pristine', 'pristine')).length > 0);
  await t.rejects(readCells('quick', 'pristine', 'pristine'), {
    message: /rollback-short\.yaml suspends by snapshot\(2\), which the kernel 'pristine' does not have$/,
    remedy: /swsusp/,
  });
});

test('what is wrong with a matrix is said before anything is built', async (t) => {
  const dir = t.testdir({
    'bad.yaml': 'scenarios: [rolback]\n',
    'gone.yaml': 'scenarios: [./gone/mine.yaml]\n',
    'wrong.yaml': 'scenarios: [./mine.yaml]\n',
    'live.yaml': 'method: [swsusp]\nscenarios: [sys-snapshot]\n',
    'mine.yaml': SCENARIO,
    'qemu.yaml': 'scenarios: [processors-offline]\n',
  });
  const refused = (name: string, message: RegExp): Promise<unknown> =>
    t.rejects(readCells(name.includes('.') ? join(dir, name) : name, 'release'), { message, remedy: /\S/ });
  await refused('quik', /^there is no matrix 'quik'; did you mean 'quick'\?$/);
  await refused('none.yaml', /^cannot read the matrix .*none\.yaml$/);
  await refused('bad.yaml', /bad\.yaml is not a valid matrix\n[^]*did you mean 'rollback'/);
  await refused('gone.yaml', /^cannot read the scenario .*gone\/mine\.yaml$/);
  await refused('wrong.yaml', /mine\.yaml is not a valid scenario/);
  await refused(
    'live.yaml',
    /live\.yaml has the cell 'sys-snapshot, swsusp', and .*sys-snapshot\.yaml cannot run with what .*--method swsusp/,
  );
  await refused('qemu.yaml', /^the cell processors-offline runs on the engine qemu/);
});
