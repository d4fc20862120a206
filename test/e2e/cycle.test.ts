// SPDX-License-Identifier: MIT
/** The standard run: from boot to verdict, twice, with the same result. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { reportIn, runText, snapback } from './cycle-support.js';

const standard = packagePath('test', 'scenarios', 'stock-cycle.yaml');

t.test('the standard cycle passes, and its replay is the same run', async (t) => {
  const dir = t.testdir({});
  const json = join(dir, 'report.json');
  const run = await snapback(['run', standard, '--json', json, '--junit', join(dir, 'junit.xml')]);
  t.equal(run.status, 0, run.stderr);
  t.match(run.stdout, /^PASS {2}/);
  const first = await reportIn(json);
  t.match(first, { verdict: 'pass', method: 'swsusp', cycles: 1, seed: 1, failures: [] });
  t.ok(first.memory.pagesCompared > 1000, `${first.memory.pagesCompared} pages of RAM compared`);
  t.equal(first.memory.pagesDiffering, 0);
  t.ok(first.image.pagesCompared > 1000, `${first.image.pagesCompared} pages of the image compared`);
  t.equal(first.image.pagesDiffering, 0);
  t.ok(first.disk.sectorsCompared > 1_000_000, `${first.disk.sectorsCompared} sectors compared`);
  t.match(first.disk, { sectorsDiffering: 0, originSectorsWritten: 0 });
  t.ok(first.selfChecks.passed > 10, `${first.selfChecks.passed} self-checks`);
  t.equal(first.selfChecks.failed, 0);
  t.match(first.selfChecks.control, { passed: first.selfChecks.passed, failed: 0 });
  t.ok(first.filesystems.length >= 2 && first.filesystems.every(({ clean }) => clean), 'filesystems are clean');
  t.ok(first.frozen.virtualMs > 0 && first.frozen.instructions > 0);
  t.match(await readFile(join(dir, 'junit.xml'), 'utf8'), /failures="0"/);

  const again = join(dir, 'again.json');
  const replay = await snapback(['replay', json, '--json', again]);
  t.equal(replay.status, 0, replay.stderr);
  t.match(replay.stdout, /the same run/);
  const second = await reportIn(again);
  const { realMs: _first, ...one } = first;
  const { realMs: _second, ...other } = second;
  t.same(other, one, 'everything but real time is the same');
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
