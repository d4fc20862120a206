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
