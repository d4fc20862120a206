// SPDX-License-Identifier: MIT
/**
 * Snapshots in a chain: each is taken by what came back from the one before, by a resume or a rollback, and is as good as the first.
 * `npm run soak -- chain` makes longer chains.
 */
import t from 'tap';
import { runScenario } from '../../tools/library.js';
import { leakFindings, loadChain, pagesKept } from '../../tools/soak/chain.js';
import { context } from './cycle-support.js';

const CYCLES = 10;

t.test('a tenth snapshot follows resumes and rollbacks', async (t) => {
  const { report, outcome } = await runScenario(await loadChain(CYCLES), context, { say: () => undefined });
  t.same(report.failures, []);
  t.match(report, { verdict: 'pass', method: 'sys_snapshot', cycles: CYCLES });
  const back = outcome.main.cycles.filter(({ rolledBack }) => rolledBack).length;
  t.equal(back, CYCLES / 2, 'half of them are rolled back');
  for (const [index, { memory, image, disk, rolledBack }] of outcome.main.cycles.entries()) {
    t.match(
      { memory, image, disk },
      {
        memory: { pagesDiffering: 0 },
        image: rolledBack ? undefined : { pagesDiffering: 0 },
        disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
      },
      `cycle ${index + 1}`,
    );
    t.ok((memory?.pagesCompared ?? 0) > 1000, `${memory?.pagesCompared ?? 0} pages compared`);
  }
  t.equal(outcome.main.commands.at(-1)?.stdout, `${CYCLES}\n`, 'each restored timeline counted once');
  const kept = pagesKept(outcome.main.commands);
  t.same(
    leakFindings(kept),
    [],
    `each cycle kept ${kept?.unaccountedPages.toFixed(2) ?? '?'} pages, and ${kept?.slabPages.toFixed(2) ?? '?'} of slab`,
  );
});
