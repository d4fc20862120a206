// SPDX-License-Identifier: MIT
/** A copy of a volume is complete, or there is none. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeFully } from '../../../emulator/host/node/volume-copy.js';

const BYTES = Uint8Array.from({ length: 10 }, (_, index) => index + 1);

t.test('a system that writes less than it is told to is told again', async (t) => {
  const path = join(t.testdir({}), 'volume');
  const file = await open(path, 'w');
  let calls = 0;
  const short = ((bytes: Uint8Array, offset: number, length: number, at: number) => {
    calls++;
    return file.write(bytes, offset, Math.min(length, 3), at);
  }) as typeof file.write;
  await writeFully({ write: short }, BYTES, 5);
  await file.close();
  t.equal(calls, 4);
  t.same([...(await readFile(path))], [0, 0, 0, 0, 0, ...BYTES]);
});

t.test('a system that writes nothing ends the copy', async (t) => {
  const write = (() => Promise.resolve({ bytesWritten: 0, buffer: BYTES })) as never;
  await t.rejects(writeFully({ write }, BYTES, 5), { message: 'nothing could be written at byte 5' });
});
