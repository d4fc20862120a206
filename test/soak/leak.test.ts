// SPDX-License-Identifier: MIT
/** DOC */
import t from 'tap';
import { runText } from '../e2e/cycle-support.js';

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
