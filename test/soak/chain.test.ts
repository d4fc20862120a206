// SPDX-License-Identifier: MIT
/**
 * Snapshots in a chain: each is taken by what came out of the one before, by a resume, a rollback or a commit, and is as good as the
 * first.
 * `npm run soak -- chain` makes longer chains.
 */
import t from 'tap';
import { runScenario } from '../../tools/library.js';
import { leakFindings, loadChain, pagesKept } from '../../tools/soak/chain.js';
import { context } from '../e2e/cycle-support.js';

const CYCLES = 10;

t.test('a tenth snapshot follows resumes, rollbacks and commits', async (t) => {
  const { report, outcome } = await runScenario(await loadChain(CYCLES), context, { say: () => undefined });
  t.same(report.failures, []);
  t.match(report, { verdict: 'pass', method: 'sys_snapshot', cycles: CYCLES });
  const { cycles } = outcome.main;
  t.equal(cycles.filter(({ rolledBack }) => rolledBack).length, 4, 'some are rolled back');
  t.equal(cycles.filter(({ committed }) => committed).length, 2, 'some are committed');
  for (const [index, { memory, image, disk, rolledBack, committed }] of cycles.entries()) {
    t.match(
      { memory, image, disk },
      {
        memory: committed ? undefined : { pagesDiffering: 0 },
        image: rolledBack || committed ? undefined : { pagesDiffering: 0 },
        disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
      },
      `cycle ${index + 1}`,
    );
    if (!committed) t.ok((memory?.pagesCompared ?? 0) > 1000, `${memory?.pagesCompared ?? 0} pages compared`);
  }
  t.equal(outcome.main.commands.at(-1)?.stdout, `${CYCLES}\n`, 'each restored timeline counted once');
  const kept = pagesKept(outcome.main.commands);
  t.same(
    leakFindings(kept),
    [],
    `each cycle kept ${kept?.unaccountedPages.toFixed(2) ?? '?'} pages, and ${kept?.slabPages.toFixed(2) ?? '?'} of slab`,
  );
});
