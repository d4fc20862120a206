// SPDX-License-Identifier: MIT
/** What a scenario expects to go wrong is no finding, and what it expects in vain is one. */
import t from 'tap';
import { passing, runText } from './cycle-support.js';

t.test('a program that segfaults on purpose, and errors of a disk', async (t) => {
  t.match(await passing('expected-faults'), { verdict: 'pass', failures: [] });
});

t.test('a suspend that exceeds its time names the key that allows more', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    'name: slow\ncontrol: false\nsteps: [boot, { suspend: { method: sys_snapshot, timeout: 5 ms } }, resume]\n',
  );
  t.match(report.failures, [
    {
      what: "the suspend did not end within 0.005 s of the guest's time",
      remedy: /`suspend: \{ timeout: 1 s \}`/,
    },
  ]);
});
