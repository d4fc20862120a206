// SPDX-License-Identifier: MIT
/** The cells of a matrix, before any of them is run. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { readyCell, type ReadyCell } from '../../tools/run/cell.js';
import { context } from './cycle-support.js';

/** More than a host has memory for, if each of them held its disks. */
const CELLS = 60;
/** The disks of one machine are larger. */
const ROOM_BYTES = 1e9;

t.test('cells that are ready do not hold the disks of their machines', async (t) => {
  const ready: ReadyCell[] = [];
  const get = async (seed: number): Promise<void> => {
    const cell = { name: `seed ${seed}`, scenario: 'workload', seed };
    ready.push(await readyCell(cell, 'release', context));
  };
  // What all cells need is made by the first one.
  await get(1);
  const before = await addressSpaceBytes();
  for (let seed = 2; seed <= CELLS; seed++) await get(seed);
  const grown = (await addressSpaceBytes()) - before;
  t.ok(grown < ROOM_BYTES, `${Math.round(grown / 1e6)} MB more for ${CELLS} cells`);
  t.equal(new Set(ready.map(({ key }) => key)).size, CELLS, 'and each has a key of its own');
});

/** Memory that nothing has written to counts as well: the kernel lets no program start that could come to need more than there is. */
async function addressSpaceBytes(): Promise<number> {
  const kib = /^VmSize:\s+(\d+) kB$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1];
  return 1024 * Number(kib);
}
