// SPDX-License-Identifier: MIT
/** Both cycles with the least memory that a machine can have, and a snapshot with the most. */
import t from 'tap';
import { runText } from './cycle-support.js';

const scenario = (memoryMiB: number, method: string): string => `name: ${memoryMiB} MiB
machine: { memory: ${memoryMiB} MiB }
control: false
steps:
  - boot
  - run: head -c 4M /dev/urandom > /run/data && cksum /run/data > /run/sum
  - suspend: { method: ${method} }
  - resume
  - verify
  - run: cksum /run/data | cmp - /run/sum
  - shutdown
`;

for (const [memoryMiB, methods] of [
  [128, ['swsusp', 'sys_snapshot']],
  [768, ['sys_snapshot']],
] as const) {
  t.test(`${memoryMiB} MiB`, async (t) => {
    const dir = t.testdir({});
    for (const method of methods) {
      const { report } = await runText(dir, scenario(memoryMiB, method));
      t.same(report.failures, [], `${method}: ${report.memory.pagesCompared} pages, ${report.realMs} ms`);
      t.ok(report.memory.pagesCompared > 5000, 'memory was compared');
      const accounted = Object.values(report.memory.pagesByReason).reduce(
        (sum, pages) => sum + pages,
        report.memory.pagesCompared,
      );
      t.equal(accounted, memoryMiB * 256, 'each page of RAM is in the image, or not for a reason');
    }
  });
}
