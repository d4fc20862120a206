// SPDX-License-Identifier: MIT
import t from 'tap';
import { ramEnd, ramOffset, ramPlaces } from '../../../emulator/machine/ram.js';
import { gpa, PAGE_BYTES, pfn } from '../../../emulator/machine/units.js';
import { guestMemory, isRam, pageBytes, readU32, readU64 } from '../../../emulator/memory/view.js';
import { differingFrames } from '../../../emulator/verify/memory/compare.js';

const GIB4 = 2 ** 32;

t.test('RAM in one piece', async (t) => {
  const places = ramPlaces({ memoryMiB: 2 });
  t.equal(ramEnd(places), 2 << 20);
  t.equal(ramOffset(places, gpa(4096), 4), 4096);
  t.equal(ramOffset(places, gpa((2 << 20) - 4), 4), (2 << 20) - 4);
  t.equal(ramOffset(places, gpa((2 << 20) - 3), 4), undefined);
  t.equal(ramOffset(places, gpa(-1), 4), undefined);
  t.equal(ramOffset(places, gpa(GIB4), 1), undefined, 'there is no upper part');
});

t.test('RAM with a part above 4 GiB', async (t) => {
  const places = ramPlaces({ memoryMiB: 3, highMemoryMiB: 1 });
  t.equal(ramEnd(places), GIB4 + (1 << 20));
  t.equal(ramOffset(places, gpa((2 << 20) - 1), 1), (2 << 20) - 1);
  t.equal(ramOffset(places, gpa((2 << 20) - 1), 2), undefined, 'the hole begins');
  t.equal(ramOffset(places, gpa(GIB4 - 1), 1), undefined, 'and ends');
  t.equal(ramOffset(places, gpa(GIB4), 1 << 20), 2 << 20);
  t.equal(ramOffset(places, gpa(GIB4), (1 << 20) + 1), undefined);
});

t.test('a capture of it is read by address', async (t) => {
  const bytes = new Uint8Array(3 * PAGE_BYTES);
  bytes.set([1, 2, 3, 4, 5], PAGE_BYTES);
  bytes.set([6, 7, 8, 9], 2 * PAGE_BYTES);
  const memory = guestMemory(bytes, PAGE_BYTES);
  t.equal(memory.pageCount, GIB4 / PAGE_BYTES + 1);
  t.equal(readU32(memory, gpa(PAGE_BYTES)), 0x04030201);
  t.equal(readU64(memory, gpa(PAGE_BYTES)), 0x04030201 + 5 * 2 ** 32);
  t.equal(readU32(memory, gpa(GIB4)), 0x09080706);
  t.same([...pageBytes(memory, pfn(GIB4 / PAGE_BYTES)).subarray(0, 4)], [6, 7, 8, 9]);
  t.throws(() => readU32(memory, gpa(2 * PAGE_BYTES)), { name: 'GuestError' }, 'the hole is no RAM');
  const frames = [0, 1, 2, GIB4 / PAGE_BYTES - 1, GIB4 / PAGE_BYTES, GIB4 / PAGE_BYTES + 1];
  t.same(
    frames.map((frame) => isRam(memory, pfn(frame))),
    [true, true, false, false, true, false],
  );
});

t.test('captures of it are compared by frame', async (t) => {
  const first = new Uint8Array(4 * PAGE_BYTES);
  const second = first.slice();
  second[3 * PAGE_BYTES + 5] = 1;
  const { places, pageCount } = guestMemory(first, 2 * PAGE_BYTES);
  const top = GIB4 / PAGE_BYTES;
  const selected = new Uint8Array(pageCount);
  selected.fill(1, 0, 2).fill(1, top, top + 2);
  t.same(differingFrames(first, second, selected, undefined, places), [pfn(top + 1)]);
});
