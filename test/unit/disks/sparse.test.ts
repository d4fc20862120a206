// SPDX-License-Identifier: MIT
import t from 'tap';
import {
  filledRangesOf,
  noteFilled,
  packPages,
  packSparse,
  unpackPages,
  unpackSparse,
  usedRanges,
} from '../../../emulator/disks/sparse.js';
import { InputError } from '../../../emulator/machine/errors.js';

t.test('memory is kept as its non-zero pages', (t) => {
  const memory = new Uint8Array(10 * 4096);
  memory[4096 + 4095] = 1;
  memory.fill(7, 5 * 4096, 7 * 4096);
  const [indexes, content] = packPages(memory);
  t.equal(content.length, 3 * 4096);
  const target = new Uint8Array(10 * 4096).fill(0xff);
  unpackPages(target, indexes, content);
  t.same(target, memory, 'whatever was there before');
  t.end();
});

t.test('an image goes through its packed form, with a short last page', (t) => {
  const image = new Uint8Array(9 * 4096 + 512);
  image[3 * 4096] = 5;
  image[9 * 4096 + 511] = 6;
  const packed = packSparse(image);
  t.ok(packed.length < 3 * 4096 + 100);
  t.same(
    unpackSparse(packed, (length) => new Uint8Array(length)),
    image,
  );
  const shifted = new Uint8Array(packed.length + 1);
  shifted.set(packed, 1);
  t.same(
    unpackSparse(shifted.subarray(1), (length) => new Uint8Array(new SharedArrayBuffer(length))),
    image,
    'at any alignment, into shared memory',
  );
  t.throws(() => unpackSparse(packed.subarray(0, packed.length - 1), (length) => new Uint8Array(length)), InputError);
  t.throws(() => unpackSparse(new Uint8Array(3), (length) => new Uint8Array(length)), InputError);
  t.end();
});

t.test('where memory holds anything', (t) => {
  const memory = new Uint8Array(9 * 4096 + 512);
  t.same(usedRanges(memory), []);
  memory[4095] = 1;
  memory[2 * 4096] = 1;
  memory[4 * 4096 - 1] = 1;
  memory[9 * 4096 + 511] = 1;
  const ranges = [
    [0, 4096],
    [2 * 4096, 4 * 4096],
    [9 * 4096, 9 * 4096 + 512],
  ];
  t.same(usedRanges(memory), ranges, 'in whole pages, the last one short');
  t.same(filledRangesOf(memory), ranges, 'looked for where nothing was noted');
  t.same(
    filledRangesOf(unpackSparse(packSparse(memory), (length) => new Uint8Array(length))),
    ranges,
    'known of what was unpacked',
  );
  const noted = memory.slice();
  noteFilled(noted, [[0, 8192]]);
  t.same(filledRangesOf(noted), [[0, 8192]], 'and believed of what was noted');
  t.end();
});
