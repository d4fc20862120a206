// SPDX-License-Identifier: MIT
import t from 'tap';
import { packPages, packSparse, unpackPages, unpackSparse } from '../../../emulator/disks/sparse.js';
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
  t.same(unpackSparse(packed, (length) => new Uint8Array(length)), image);
  const shifted = new Uint8Array(packed.length + 1);
  shifted.set(packed, 1);
  t.same(unpackSparse(shifted.subarray(1), (length) => new Uint8Array(new SharedArrayBuffer(length))), image, 'at any alignment, into shared memory');
  t.throws(() => unpackSparse(packed.subarray(0, packed.length - 1), (length) => new Uint8Array(length)), InputError);
  t.throws(() => unpackSparse(new Uint8Array(3), (length) => new Uint8Array(length)), InputError);
  t.end();
});
