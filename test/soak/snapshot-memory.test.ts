// SPDX-License-Identifier: MIT
/** Snapshots of memory that is swapped out, and of one process that has nearly all memory. memory-sizes.test.ts has the least memory of a machine. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText } from '../e2e/cycle-support.js';

/** A guest whose image is too large, by a little, to be loaded, or just is not: the kernel that loads it needs memory, too. */
const edgeOf = (mebibytes: number): string => `
name: one process with ${mebibytes} of 256 MiB
control: false
machine: { memory: 256 MiB, seed: 1, cmdline: transparent_hugepage=never }
steps:
  - boot
  - run: swapoff -a && selfcheck start --anon-mib ${mebibytes} anon-large
  - suspend: { method: sys_snapshot, compress: false }
  - resume
  - run: selfcheck verify
  - shutdown
`;

// The largest is 184. An image that is a little larger could once be taken, but not be loaded.
for (const mebibytes of [184, 186]) {
  t.test(`a snapshot with ${mebibytes} of 256 MiB in one process can be loaded, or is not taken`, async (t) => {
    const { report } = await runText(t.testdir({}), edgeOf(mebibytes));
    const refused = report.failures.length === 1 && /refused to take a snapshot/.test(report.failures[0]?.what ?? '');
    if (!refused) t.same(report.failures, []);
    else {
      const { details = [], remedy } = report.failures[0] ?? {};
      t.match(`${details.at(-1)} ${remedy}`, /Cannot allocate memory; add swap or end programs/);
      t.notMatch(
        details.join('\n'),
        /WARNING|BUG|allocation failure|oom-killer/,
        'and the kernel complains of nothing',
      );
    }
    t.equal(refused, mebibytes > 184);
  });
}

t.test('slots of swap that the image refers to are kept, though the live timeline swaps out to them', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    await readFile(packagePath('test', 'scenarios', 'mm-swapping.yaml'), 'utf8'),
  );
  t.same(report.failures, []);
  t.match(report, { verdict: 'pass', disk: { sectorsDiffering: 0, originSectorsWritten: 0 } });
  t.equal(
    report.image.pagesCompared,
    report.memory.pagesCompared,
    'the image was read after that, and holds what there was before',
  );
  t.ok(report.memory.pagesCompared > 10_000);
});
