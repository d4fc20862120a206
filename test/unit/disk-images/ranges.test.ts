// SPDX-License-Identifier: MIT
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { filledRangesOf } from '../../../emulator/disks/sparse.js';
import { copyContent, indexImage, loadDiskImage, withDiskImage } from '../../../disk-images/image/ranges.js';

const MIB = 2 ** 20;

/** An image with a few bytes here and there, the last sector among them. */
async function image(dir: string, sizeBytes = 40 * MIB): Promise<string> {
  const bytes = Buffer.alloc(sizeBytes);
  for (const at of [0, 65535, 65536, 5 * MIB + 1, 16 * MIB - 1, 16 * MIB, sizeBytes - 1]) bytes[at] = 0xaa;
  const path = join(dir, 'disk.img');
  await writeFile(path, bytes);
  return path;
}

t.test('with its list or without, an image loads the same, into shared memory', async (t) => {
  const path = await image(t.testdir());
  const whole = await loadDiskImage(path);
  const ranges = await indexImage(path);
  t.strictSame(ranges, [
    [0, 131072],
    [5 * MIB, 65536],
    [16 * MIB - 65536, 131072],
    [40 * MIB - 65536, 65536],
  ]);
  const listed = await loadDiskImage(path);
  t.ok(listed.buffer instanceof SharedArrayBuffer);
  t.equal(Buffer.compare(listed, whole), 0);
  t.same(
    filledRangesOf(listed),
    ranges.map(([at, length]) => [at, at + length]),
    'what the list says need not be looked for',
  );
  t.equal(Buffer.compare(listed, await readFile(path)), 0);
});

t.test('an image whose size is no multiple of a chunk', async (t) => {
  const path = await image(t.testdir(), 17 * MIB + 512);
  await indexImage(path);
  t.equal(Buffer.compare(await loadDiskImage(path), await readFile(path)), 0);
});

t.test('a list of another size is not believed', async (t) => {
  const path = await image(t.testdir());
  await indexImage(path);
  await truncate(path, 41 * MIB);
  t.equal((await loadDiskImage(path)).length, 41 * MIB);
});

t.test('little of an image is read from its file', async (t) => {
  const path = await image(t.testdir());
  const whole = await loadDiskImage(path);
  const read = withDiskImage(path, ({ byteLength, read }) => {
    t.equal(byteLength, whole.length);
    t.same(read(65535, 2), whole.subarray(65535, 65537));
    t.throws(() => read(byteLength - 1, 2), { name: 'RigError', message: /shrank/ });
    return read;
  });
  t.throws(() => read(0, 1), { code: 'EBADF' }, 'the file has been closed');
});

t.test('what no disk can be is refused', async (t) => {
  const dir = t.testdir({ empty: '', odd: 'x'.repeat(513) });
  await t.rejects(loadDiskImage(join(dir, 'empty')), {
    name: 'InputError',
    message: /0 bytes, which no disk can have/,
  });
  await t.rejects(loadDiskImage(join(dir, 'odd')), { name: 'InputError', message: /513 bytes/, remedy: /512/ });
  await t.rejects(loadDiskImage(join(dir, 'none')), { name: 'InputError', message: /cannot read/ });
  t.throws(() => withDiskImage(join(dir, 'odd'), () => 0), { name: 'InputError', message: /513 bytes/ });
  t.throws(() => withDiskImage(join(dir, 'none'), () => 0), { name: 'InputError', message: /cannot read/ });
});

t.test('copied at an offset, sparse', async (t) => {
  const dir = t.testdir();
  const from = await image(dir);
  const to = join(dir, 'whole.img');
  await writeFile(to, '');
  await truncate(to, 100 * MIB);
  await copyContent(from, to, 7 * MIB);
  const copied = await readFile(to);
  t.equal(Buffer.compare(copied.subarray(7 * MIB, 47 * MIB), await readFile(from)), 0);
  t.ok((await stat(to)).blocks * 512 < 2 * MIB);
});
