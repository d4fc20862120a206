// SPDX-License-Identifier: MIT
/**
 * Snapshots in a chain: each is taken by what came out of the one before, by a resume, a rollback or a commit, and is as good as the
 * first. The kernel must not lose memory in it.
 * `npm run soak -- chain` makes longer ones.
 */
import t from 'tap';
import { leakFindings, pagesKept } from '../../tools/soak/chain.js';
import { checkChain } from './chain-check.js';

t.test('a tenth snapshot follows resumes, rollbacks and commits', async (t) => {
  const { outcome } = await checkChain(t, { cycles: 10, rolledBack: 4, committed: 2 });
  const kept = pagesKept(outcome.main.commands);
  t.same(
    leakFindings(kept),
    [],
    `each cycle kept ${kept?.unaccountedPages.toFixed(2) ?? '?'} pages, and ${kept?.slabPages.toFixed(2) ?? '?'} of slab`,
  );
});
