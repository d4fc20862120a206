// SPDX-License-Identifier: MIT
import t from 'tap';
import { materialise } from '../../../emulator/disks/disk.js';
import { foldLog } from '../../../emulator/disks/fold.js';
import type { DiskWrite } from '../../../emulator/machine/contract.js';
import { sector } from '../../../emulator/machine/units.js';

const write = (at: number, sectors: number, fill: number, instruction = 7): DiskWrite => ({
  instruction,
  sector: sector(at),
  bytes: Uint8Array.from({ length: sectors * 512 }, (_, byte) => fill + (byte >> 9)),
});
const contentOf = (log: readonly DiskWrite[]): Uint8Array =>
  materialise({ base: new Uint8Array(8192 * 512).fill(0xff), overlay: log });

t.test('a folded log leaves the same disk', (t) => {
  const logs = {
    none: [],
    'one write': [write(3, 4, 1)],
    'a write within another': [write(3, 8, 1), write(5, 2, 100)],
    'a write over several': [write(3, 2, 1), write(6, 2, 50), write(2, 7, 100)],
    'the same place again': [write(3, 2, 1), write(3, 2, 50), write(3, 2, 100)],
    'neighbours, backwards': [write(5, 2, 1), write(3, 2, 50)],
    'more than a piece': [write(10, 5000, 1), write(2000, 100, 9)],
  };
  for (const [name, log] of Object.entries(logs)) {
    const folded = foldLog(log);
    t.same(Buffer.compare(contentOf(folded), contentOf(log)), 0, name);
    const sectors = folded.flatMap(({ sector: start, bytes }) =>
      Array.from({ length: bytes.length / 512 }, (_, at) => start + at),
    );
    t.same(
      sectors,
      [...new Set(sectors)].sort((a, b) => a - b),
      'each sector once, in order',
    );
  }
  t.end();
});

t.test('neighbours become one write; an alteration from outside becomes one of a machine', (t) => {
  t.match(foldLog([write(5, 2, 1), write(3, 2, 50, 0)]), [{ instruction: 1, sector: 3 }]);
  t.end();
});
