// SPDX-License-Identifier: MIT
/** Whoever builds a kernel, wherever: the same sources give the same bytes. */
import t from 'tap';
import { filesDiffering, smallKernelTwice } from '../../guest-kernel/rebuild.js';
import { context } from '../e2e/cycle-support.js';

const SHA256 = /^[0-9a-f]{64}$/;

t.test('a kernel that is built a second time, in another folder, interrupted and continued, is the same', async (t) => {
  const builds = await smallKernelTwice(context);
  t.same(filesDiffering(builds), []);
  for (const { first, second } of Object.values(builds)) for (const digest of [first, second]) t.match(digest, SHA256);
});
