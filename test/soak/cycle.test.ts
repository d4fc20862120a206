// SPDX-License-Identifier: MIT
/** Other seeds, and a program of one's own through several cycles, beside the cycles of test/e2e/cycle.test.ts and chain.test.ts. */
import t from 'tap';
import { runText } from '../e2e/cycle-support.js';

t.test("a program of one's own goes through several suspends", async (t) => {
  const dir = t.testdir({
    'count.sh': '#!/bin/sh\nn=0\nwhile :; do n=$((n+1)); echo $n > /tmp/count; sleep 1; done\n',
  });
  const { report: found, outcome } = await runText(
    dir,
    `name: counter
files: [{ from: ./count.sh, to: /root/count.sh, mode: '0755' }]
steps:
  - boot
  - start: /root/count.sh
  - repeat:
      times: 3
      steps:
        - run: sleep 2
        - suspend: { offTime: 8 h }
        - resume
        - verify
  - run: { command: cat /tmp/count, stdout: '^[6-9]$' }
  - shutdown
`,
  );
  t.same(found.failures, []);
  t.equal(found.cycles, 3);
  t.equal(found.method, 'sys_snapshot', 'the method of a suspend that names none');
  t.equal(outcome.main.commands.find(({ command }) => command === 'cat /tmp/count')?.exitCode, 0);
});

t.test('another seed is another run', async (t) => {
  const text = (seed: number): string =>
    `name: seeds\nmachine: { seed: ${seed} }\ncontrol: false\nsteps: [boot, { run: 'head -c 16 /dev/urandom | od -x' }]\n`;
  const [one, same, other] = [
    await runText(t.testdir({}), text(1)),
    await runText(t.testdir({}), text(1)),
    await runText(t.testdir({}), text(2)),
  ];
  t.equal(one.report.stateHash, same.report.stateHash);
  t.equal(one.outcome.main.commands[0]?.stdout, same.outcome.main.commands[0]?.stdout);
  t.not(one.report.stateHash, other.report.stateHash);
  t.not(one.outcome.main.commands[0]?.stdout, other.outcome.main.commands[0]?.stdout);
});
