// SPDX-License-Identifier: MIT
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import type { WriteShown } from '../../../emulator/machine/contract.js';
import { runsOf } from '../../../emulator/validate/runs.js';
import { kindsOf, machinesOf, storedCopies, storedMachines } from '../../../emulator/validate/shown.js';
import { readResult } from '../../../emulator/validate/stored.js';
import { PLAN, RESULTS } from './plans.js';

const write = (instruction: number, sector: number, count: number): WriteShown => ({ instruction, sector, count });
const marker = (kind: number, instruction: number) => ({
  kind,
  instruction,
  virtualMs: instruction / 10,
  word0: 0,
  word1: 0,
});
const MACHINE: MachineShown = {
  number: 2,
  startVirtualMs: 50.5,
  virtualMs: 30,
  instructions: 300,
  markers: [marker(0x100e, 100), marker(0x100f, 200)],
  writes: [
    [],
    [write(10, 8, 8), write(20, 16, 4), write(30, 99, 1), write(100, 100, 2), write(150, 102, 1), write(200, 103, 1)],
  ],
};

t.test('what a machine has shown takes few bytes, and tells the same', (t) => {
  const [back] = machinesOf(storedMachines([MACHINE]));
  t.same(back, {
    ...MACHINE,
    writes: [[], [write(10, 8, 12), write(30, 99, 1), write(100, 100, 3), write(200, 103, 1)]],
  });
  t.end();
});

t.test('what pages were used for takes few numbers, and tells the same', (t) => {
  const kinds = Uint8Array.from([0, 0, 0, 5, 1, 1, 0]);
  t.same(storedCopies([kinds]), [[0, 3, 5, 1, 1, 2, 0, 1]]);
  t.same(storedCopies([kinds, new Uint8Array(0)]).map(kindsOf), [kinds, new Uint8Array(0)]);
  t.equal(storedCopies(Array.from({ length: 9 }, () => kinds)).length, 4, 'not of all copies of a long run');
  t.end();
});

t.test('it goes through the file of a result', (t) => {
  const [result] = RESULTS.values();
  const text = JSON.stringify(result);
  t.same(readResult(text), { value: result });
  t.match(readResult(text.replace('"virtualMs":40', '"virtualMs":"40"')), { problem: /virtualMs must be number/ });
  t.match(readResult(text.replace(',10000,10]', ']')), { problem: /fewer than 3 items/ });
  t.end();
});

t.test('the runs of cells that are done', (t) => {
  const [first, second, third] = PLAN.cells;
  const some = new Map([...RESULTS].filter(([key]) => key !== second?.keys?.patched && key !== third?.keys?.base));
  t.same(
    runsOf(PLAN, some).map(({ name, machines }) => [name, machines.length]),
    [
      [`${first?.cell.name}, without the patches`, 1],
      [`${first?.cell.name}, with the patches`, 1],
      [`${second?.cell.name}, without the patches`, 1],
      [`${third?.cell.name}, with the patches`, 1],
    ],
  );
  t.end();
});
