// SPDX-License-Identifier: MIT
/**
 * A longer chain than that of test/e2e, after which the kernel must not have lost memory.
 * `npm run soak -- chain` makes longer ones.
 */
import t from 'tap';
import { leakFindings, pagesKept } from '../../tools/soak/chain.js';
import { checkChain } from '../e2e/chain-check.js';

t.test('a tenth snapshot follows resumes, rollbacks and commits', async (t) => {
  const { outcome } = await checkChain(t, { cycles: 10, rolledBack: 4, committed: 2 });
  const kept = pagesKept(outcome.main.commands);
  t.same(
    leakFindings(kept),
    [],
    `each cycle kept ${kept?.unaccountedPages.toFixed(2) ?? '?'} pages, and ${kept?.slabPages.toFixed(2) ?? '?'} of slab`,
  );
});
