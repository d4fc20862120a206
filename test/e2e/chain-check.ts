// SPDX-License-Identifier: MIT
/** What tests of chains share: how one is run, and what must hold for each of its cycles. */
import type { Test } from 'tap';
import { runScenario } from '../../tools/library.js';
import { loadChain } from '../../tools/soak/chain.js';
import { context } from './cycle-support.js';

type Ran = Awaited<ReturnType<typeof runScenario>>;

/** Runs a chain of `cycles`, so many of which end by a rollback and by a commit, and the others by a resume. */
export async function checkChain(
  t: Test,
  { cycles: count, rolledBack: back, committed: kept }: Record<'cycles' | 'rolledBack' | 'committed', number>,
): Promise<Ran> {
  const ran = await runScenario(await loadChain(count), context, { say: () => undefined });
  const { report, outcome } = ran;
  t.same(report.failures, []);
  t.match(report, { verdict: 'pass', method: 'sys_snapshot', cycles: count });
  const { cycles } = outcome.main;
  t.equal(cycles.filter(({ rolledBack }) => rolledBack).length, back, 'cycles that are rolled back');
  t.equal(cycles.filter(({ committed }) => committed).length, kept, 'cycles that are committed');
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
  t.equal(outcome.main.commands.at(-1)?.stdout, `${count}\n`, 'each restored timeline counted once');
  return ran;
}
