// SPDX-License-Identifier: MIT
import t from 'tap';
import { CELLS_MAX, readMatrix } from '../../../emulator/validate/matrix-file.js';

const KNOWN = ['rollback', 'waits'];
const cellsOf = (text: string): unknown => {
  const read = readMatrix(text, 'm.yaml', KNOWN);
  return 'cells' in read ? read.cells : read.issues.map(({ line, message }) => `${line}: ${message}`);
};

t.test('a list of scenarios is a matrix', (t) => {
  t.same(cellsOf('scenarios: [rollback, waits]'), [
    { name: 'rollback', scenario: 'rollback' },
    { name: 'waits', scenario: 'waits' },
  ]);
  t.same(cellsOf('scenarios: [./mine/load.yaml]'), [{ name: 'mine/load', scenario: './mine/load.yaml' }]);
  t.end();
});

t.test('seeds and memory make all combinations, and a scenario can have its own', (t) => {
  t.same(
    cellsOf(
      'seeds: [1, 2]\nmemory: [256 MiB, 1 GiB]\nscenarios:\n  - rollback\n  - { scenario: waits, seeds: [7], memory: [128 MiB] }\n',
    ),
    [
      { name: 'rollback, 256 MiB, seed 1', scenario: 'rollback', memoryMiB: 256, seed: 1 },
      { name: 'rollback, 256 MiB, seed 2', scenario: 'rollback', memoryMiB: 256, seed: 2 },
      { name: 'rollback, 1024 MiB, seed 1', scenario: 'rollback', memoryMiB: 1024, seed: 1 },
      { name: 'rollback, 1024 MiB, seed 2', scenario: 'rollback', memoryMiB: 1024, seed: 2 },
      { name: 'waits, 128 MiB, seed 7', scenario: 'waits', memoryMiB: 128, seed: 7 },
    ],
  );
  t.end();
});

t.test('bounds of figures are those of all cells, or of one scenario', (t) => {
  t.same(
    cellsOf(
      'bounds: { imageBytes: 1, standstillMs: 0.5 }\nscenarios:\n  - rollback\n  - { scenario: waits, bounds: { imageBytes: 0 } }\n',
    ),
    [
      { name: 'rollback', scenario: 'rollback', bounds: { imageBytes: 1, standstillMs: 0.5 } },
      { name: 'waits', scenario: 'waits', bounds: { imageBytes: 0, standstillMs: 0.5 } },
    ],
  );
  t.match(cellsOf('bounds: { imageByte: 1, standstillMs: -1 }\nscenarios: [rollback]\n'), [
    /^1: .*did you mean 'imageBytes'/,
    /^1: .*per cent from 0 on/,
  ]);
  t.end();
});

t.test('each order of freezing makes a cell', (t) => {
  t.same(cellsOf('freezeOrder: [tasks-first, filesystems-first]\nseeds: [3]\nscenarios: [rollback]\n'), [
    { name: 'rollback, tasks first, seed 3', scenario: 'rollback', freezeOrder: 'tasks-first', seed: 3 },
    { name: 'rollback, filesystems first, seed 3', scenario: 'rollback', freezeOrder: 'filesystems-first', seed: 3 },
  ]);
  t.match(cellsOf('freezeOrder: [sooner]\nscenarios: [rollback]\n'), [/^1: .*tasks-first.*filesystems-first/]);
  t.end();
});

t.test('method, flavour, filesystem and workload are axes, too', (t) => {
  t.same(
    cellsOf(
      'scenarios:\n  - { scenario: waits, name: w, filesystem: [xfs], workload: [a, b], method: [swsusp], flavour: [debug] }\n',
    ),
    [
      {
        name: 'w, xfs, a, swsusp, debug',
        scenario: 'waits',
        parameters: { filesystem: 'xfs', workload: 'a' },
        method: 'swsusp',
        flavour: 'debug',
      },
      {
        name: 'w, xfs, b, swsusp, debug',
        scenario: 'waits',
        parameters: { filesystem: 'xfs', workload: 'b' },
        method: 'swsusp',
        flavour: 'debug',
      },
    ],
  );
  t.same(
    (
      cellsOf(
        'method: [sys_snapshot, swsusp]\nfreezeOrder: [tasks-first, filesystems-first]\nscenarios: [waits]\n',
      ) as { name: string }[]
    ).map(({ name }) => name),
    ['waits, sys_snapshot, tasks first', 'waits, sys_snapshot, filesystems first', 'waits, swsusp'],
    'swsusp has only one order',
  );
  t.match(cellsOf('method: [kexec]\nscenarios: [waits]\n'), [/^1: .*swsusp.*sys_snapshot/]);
  t.match(cellsOf('flavour: [small]\nscenarios: [waits]\n'), [/^1: .*release.*debug/]);
  t.match(cellsOf('filesystem: ["a b"]\nscenarios: [waits]\n'), [/^1: a value of a parameter/]);
  t.match(cellsOf('workload: []\nscenarios: [waits]\n'), [/^1: at least 1/]);
  t.end();
});

t.test('what is wrong is said at its place', (t) => {
  t.match(cellsOf('scenarios:\n  - rolback\n'), [/^2: there is no scenario 'rolback'; did you mean 'rollback'\?$/]);
  t.match(cellsOf('scenarios:\n  - elephant\n'), [/^2: there is no scenario 'elephant'; a file is named by its path/]);
  t.match(cellsOf('scenarios: []'), [/at least 1 wanted/]);
  t.match(cellsOf('seeds: [1]'), [/scenarios/]);
  t.match(cellsOf('scenarios: [rollback]\nseed: [1]\n'), [/^2: .*seed/]);
  t.match(cellsOf('scenarios: [rollback]\nseeds: [-1]\n'), [/^2: /]);
  t.match(cellsOf('scenarios: [rollback]\nmemory: [1 MiB]\n'), [/^2: RAM from '128 MiB' to '3 GiB'/]);
  t.match(cellsOf('scenarios:\n  - rollback\n  - waits\n  - rollback\n'), [
    /^4: the cell 'rollback' is there already$/,
  ]);
  t.match(cellsOf('scenarios: [rollback]\nseeds: [3, 3]\n'), [/^1: the cell 'rollback, seed 3' is there already$/]);
  const seeds = Array.from({ length: CELLS_MAX / 2 + 1 }, (_, seed) => seed).join(', ');
  t.match(cellsOf(`scenarios: [rollback, waits]\nseeds: [${seeds}]\n`), [
    /^1: these are 10002 cells, and at most 10000/,
  ]);
  t.end();
});
