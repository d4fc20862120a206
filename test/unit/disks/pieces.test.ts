// SPDX-License-Identifier: MIT
/** Bases whose pieces come when they are read: every reader gets what a whole base has, and only what it needs is fetched. */
import t from 'tap';
import { createBlocks } from '../../../emulator/disks/blocks.js';
import { diffDisks } from '../../../emulator/disks/diff.js';
import { materialise, readSectors } from '../../../emulator/disks/disk.js';
import { diskReader } from '../../../emulator/disks/latest.js';
import { fillFrom, receiveBase, sendBase, type DiskPieces } from '../../../emulator/disks/pieces.js';
import { filledRangesOf } from '../../../emulator/disks/sparse.js';
import { sector } from '../../../emulator/machine/units.js';

const PIECE = 8192;
/** Five pieces, of which the second is zero and the last is short. */
const content = Uint8Array.from({ length: 4 * PIECE + 4096 }, (_, at) =>
  at >= PIECE && at < 2 * PIECE ? 0 : (at * 7 + (at >> 8)) & 0xff,
);
const names = ['a', null, 'c', 'd', 'e'];

/** A base without content, and the names of the pieces that have been fetched. */
function lazy(Memory: ArrayBufferConstructor | SharedArrayBufferConstructor = ArrayBuffer): {
  base: Uint8Array;
  pieces: DiskPieces;
  fetched: string[];
} {
  const base = new Uint8Array(new Memory(content.length));
  const pieces = { pieceBytes: PIECE, names, present: new Uint8Array(new Memory(names.length)) };
  const fetched: string[] = [];
  fillFrom(base, pieces, source(fetched));
  return { base, pieces, fetched };
}

const source =
  (fetched: string[]) =>
  (name: string): Uint8Array => {
    fetched.push(name);
    const at = names.indexOf(name) * PIECE;
    return content.slice(at, at + PIECE);
  };

t.test('a machine reads its disk', async (t) => {
  const { base, fetched } = lazy();
  const disk = createBlocks({ base });
  t.same(disk.read(PIECE - 512, 512), content.subarray(PIECE - 512, PIECE));
  t.same(fetched, ['a'], 'only what is read is fetched');
  disk.read(0, PIECE);
  t.same(disk.read(PIECE, PIECE), new Uint8Array(PIECE), 'zeros');
  t.same(fetched, ['a'], 'and once, and no zeros');
  disk.write(2 * PIECE, new Uint8Array(4096).fill(1));
  t.same(fetched, ['a'], 'a whole block is written without a look at it');
  t.same(disk.read(2 * PIECE, 4096), new Uint8Array(4096).fill(1));
  t.same(fetched, ['a'], 'and is not fetched when it is read');
  disk.write(3 * PIECE, new Uint8Array(512).fill(2));
  t.same(fetched, ['a', 'd'], 'a part of one is');
  t.same(disk.read(3 * PIECE + 512, 512), content.subarray(3 * PIECE + 512, 3 * PIECE + 1024));
  t.same(disk.read(2 * PIECE, PIECE).subarray(4096), content.subarray(2 * PIECE + 4096, 3 * PIECE));
});

t.test('every other reader gets what a whole base has', async (t) => {
  const overlay = [{ instruction: 1, sector: sector(1), bytes: new Uint8Array(512).fill(9) }];
  const readers = {
    diskReader: (base: Uint8Array) => diskReader({ base, overlay })(PIECE - 512, 3 * PIECE),
    materialise: (base: Uint8Array) => materialise({ base, overlay }),
    readSectors: (base: Uint8Array) => readSectors({ base, overlay }, sector(30), 20),
  };
  for (const [name, read] of Object.entries(readers)) t.same(read(lazy().base), read(content), name);
  const { base, fetched } = lazy();
  t.match(diffDisks({ base }, { base, overlay }), { sectorsDiffering: 1 });
  t.same(fetched, ['a'], 'a comparison over one base looks only at what was written');
  t.same(filledRangesOf(lazy().base), [
    [0, PIECE],
    [2 * PIECE, 3 * PIECE],
    [3 * PIECE, 4 * PIECE],
    [4 * PIECE, content.length],
  ]);
});

t.test('a base is sent to a worker', async (t) => {
  t.same(sendBase(content), { base: content }, 'one that is whole, as it is');
  for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
    const { base, fetched } = lazy(Memory);
    createBlocks({ base }).read(3 * PIECE, 512);
    const there: string[] = [];
    const received = receiveBase(structuredClone(sendBase(base)), source(there));
    t.same(materialise({ base: received }), content, Memory.name);
    t.same(there, ['a', 'c', 'e'], 'what was there is not fetched again');
    materialise({ base });
    t.same(fetched, Memory === ArrayBuffer ? ['d', 'a', 'c', 'e'] : ['d'], 'memory that is shared is filled for both');
  }
});

t.test('a source that fails, fails the reader', async (t) => {
  const base = new Uint8Array(PIECE);
  fillFrom(base, { pieceBytes: PIECE, names: ['x'], present: new Uint8Array(1) }, () => {
    throw new Error('no server');
  });
  const disk = createBlocks({ base });
  t.throws(() => disk.read(0, 512), { message: 'no server' });
  t.throws(() => disk.read(0, 512), { message: 'no server' }, 'again');
});
