// SPDX-License-Identifier: MIT
import t from 'tap';
import type { DiskWrite } from '../../../emulator/machine/contract.js';
import { sector } from '../../../emulator/machine/units.js';
import { signedPages, writesAfterSignature } from '../../../emulator/verify/image/complete.js';

const START = 2048;
const volume = { startSector: START, headerPage: 0 };
const write = (page: number, pages = 1, bytes = new Uint8Array(4096 * pages)): DiskWrite => ({
  instruction: 1,
  sector: sector(START + 8 * page),
  bytes,
});

function header(text: string): DiskWrite {
  const bytes = new Uint8Array(4096);
  bytes.set(new TextEncoder().encode(text), 4086);
  return write(0, 1, bytes);
}
const signature = header('S1SUSPEND\0');
/** The header, a map page, two pages of the stream. */
const USED = [0, 5, 6, 7];

t.test('the signature comes last', async (t) => {
  t.equal(writesAfterSignature([write(5, 3), signature], volume, USED), 0);
  t.equal(
    writesAfterSignature([write(6, 2), write(5), signature, write(40), write(2, 3)], volume, USED),
    0,
    'other pages of swap do not matter',
  );
  t.equal(writesAfterSignature([write(6, 2), header('SWAPSPACE2')], volume, USED), 0, 'no image at all');
});

t.test('a part of the image comes after it', async (t) => {
  t.equal(writesAfterSignature([write(6, 2), signature, write(5)], volume, USED), 1);
  t.equal(writesAfterSignature([signature, write(1, 6), write(7)], volume, USED), 2, 'also within a larger write');
  const early = { ...write(0), sector: sector(START - 8), bytes: new Uint8Array(4096 * 3) };
  early.bytes.set(signature.bytes, 4096);
  t.equal(writesAfterSignature([early, write(5)], volume, USED), 1, 'a signature within a larger write');
});

t.test('the swap area is a file', async (t) => {
  const file = { startSector: START, headerPage: 3 };
  const used = [3, 5, 6, 7];
  const here = { ...signature, sector: sector(START + 8 * 3) };
  t.equal(writesAfterSignature([write(6, 2), here], file, used), 0);
  t.equal(writesAfterSignature([write(6, 2), here, write(5)], file, used), 1);
  t.equal(writesAfterSignature([signature, write(5)], file, used), 0, 'a signature elsewhere is not its own');

  const within = { ...write(9, 3) };
  within.bytes.set(signature.bytes, 4096);
  t.same(signedPages([here, write(5), within]), [START + 8 * 10, START + 8 * 3], 'the last write first');
  t.same(signedPages([write(5, 2)]), []);
});
