// SPDX-License-Identifier: MIT
/** A snapshot with the least memory that a machine can have. Scenarios of the soak do the same with the most, and by both methods. */
import t from 'tap';
import { passing } from '../e2e/cycle-support.js';

const PAGES_PER_MIB = 256;

t.test('each page of RAM is in the image, or is not for a reason', async (t) => {
  const { memory, image } = await passing('memory-least');
  t.ok(memory.pagesCompared > 5000, `${memory.pagesCompared} pages were compared`);
  t.equal(image.pagesCompared, memory.pagesCompared);
  const accounted = Object.values(memory.pagesByReason).reduce((sum, pages) => sum + pages, memory.pagesCompared);
  t.equal(accounted, 128 * PAGES_PER_MIB);
});
