// SPDX-License-Identifier: MIT
/** What snapshots leave behind in the live timeline, and what can be done with their descriptors. */
import t from 'tap';
import { runText } from './cycle-support.js';

t.test('fifty snapshots of one boot lose no page', async (t) => {
  const { report, outcome } = await runText(
    t.testdir({}),
    'name: leaks\ncontrol: false\nsteps:\n  - boot\n  - run: { command: storm leaks 50, timeout: 300 s }\n',
  );
  t.same(report.failures, []);
  t.match(outcome.main.commands[0]?.stdout, /^a snapshot keeps \S+ pages, \S+ of slab and \S+ of stacks/m);
  t.comment(outcome.main.commands[0]?.stdout);
});

t.test(
  'the descriptor: any reader, any pace, any size, out of memory; and all that a live timeline does',
  async (t) => {
    const { report } = await runText(
      t.testdir({}),
      'name: descriptor\ncontrol: false\nsteps:\n  - boot\n  - run: { command: storm descriptor /dev/sdb1, timeout: 300 s }\n  - shutdown\n',
    );
    // That memory runs out is part of it.
    t.match(report.failures, [{ kind: 'kernelFault', what: /^outOfMemory: storm invoked oom-killer/ }]);
    t.equal(report.failures.length, 1);
  },
);
