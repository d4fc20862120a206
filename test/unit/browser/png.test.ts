// SPDX-License-Identifier: MIT
/** The colours of a PNG file, by which pictures of the page are judged. */
import { deflateSync } from 'node:zlib';
import t from 'tap';
import { coloursIn } from '../../e2e/png.js';

/** A file with these lines, each of which begins with the number of its filter. The checksums are left out. */
function png(type: number, width: number, lines: readonly (readonly number[])[]): Buffer {
  const chunk = (name: string, data: Uint8Array): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([length, Buffer.from(name, 'latin1'), data, Buffer.alloc(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(lines.length, 4);
  header.set([8, type, 0, 0, 0], 8);
  const pixels = deflateSync(Uint8Array.from(lines.flat()));
  const half = pixels.length >> 1;
  return Buffer.concat([
    Buffer.alloc(8),
    chunk('IHDR', header),
    chunk('IDAT', pixels.subarray(0, half)),
    chunk('IDAT', pixels.subarray(half)),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

t.test('each filter', async (t) => {
  // Both rows are the same two pixels, filtered by nothing, the left one, the upper one, their mean, and Paeth's choice.
  const row = [10, 20, 30, 200, 100, 50];
  const first = [0, ...row];
  const filtered: Readonly<Record<string, readonly number[]>> = {
    none: first,
    left: [1, 10, 20, 30, 190, 80, 20],
    above: [2, 0, 0, 0, 0, 0, 0],
    mean: [3, 5, 10, 15, 95, 40, 10],
    paeth: [4, 0, 0, 0, 0, 0, 0],
  };
  for (const [name, second] of Object.entries(filtered))
    t.same([...coloursIn(png(2, 2, [first, second]))], [0x0a141e, 0xc86432], name);
  const darker = [4, 250, 0, 0, 0, 0, 0];
  t.same([...coloursIn(png(2, 2, [first, darker]))], [0x0a141e, 0xc86432, 0x04141e], 'Paeth goes by the row above');
});

t.test('alpha does not count', async (t) => {
  t.same([...coloursIn(png(6, 2, [[0, 1, 2, 3, 255, 1, 2, 3, 0]]))], [0x010203]);
});

t.test('what it cannot read', async (t) => {
  t.throws(() => coloursIn(png(3, 1, [[0, 0]])), /8 bits, type 3/);
});
