// SPDX-License-Identifier: MIT
/**
 * Snapshots in a chain: each is taken by what came out of the one before, by a resume, a rollback or a commit, and is as good as the
 * first.
 * The soak makes longer chains, and looks whether the kernel loses memory in them.
 */
import t from 'tap';
import { checkChain } from './chain-check.js';

t.test('a fifth snapshot follows resumes, rollbacks and commits', async (t) => {
  await checkChain(t, { cycles: 5, rolledBack: 2, committed: 1 });
});
