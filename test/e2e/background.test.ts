// SPDX-License-Identifier: MIT
/** Programs in the background, on the guest's own agent: how they end, and what they print. */
import t from 'tap';
import { renderJunit } from '../../emulator/report/machine-readable.js';
import { runText } from './cycle-support.js';

t.test('programs that end, and processes that outlive them, through a snapshot', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: background
machine: { memory: 128 MiB }
control: false
steps:
  - boot
  - start: 'sleep 1000 & echo checking; exec sh -c "sleep 0.2; echo lost >&2; exit 4"'
  - start: 'sleep 1000 & kill -SEGV $$'
  - start: '(while sleep 0.2; do echo tick; done) & echo ready'
  - start: 'echo at work; exec sleep 1000'
  - start: 'yes | head -c 20000000; exec sleep 1000'
  - run: sleep 2
  - suspend: { compress: false, beforeSaving: [sleep 1] }
  - resume
  - verify
  - run: 'false'
  - shutdown
`,
  );
  const others = '; other processes of its process group still run';
  t.match(report.failures, [
    { what: new RegExp(`ended with status 4 before the suspend${others}$`), details: ['checking', 'stderr: lost'] },
    { what: new RegExp(`ended with status 139 before the suspend${others}$`) },
    { what: '`false` ended with status 1, not 0' },
  ]);
  t.equal(report.failures.length, 3);
  t.equal(report.cycles, 1);
  const results = report.commands.filter(({ background }) => background);
  const at = (timeline: string) => results.filter((one) => one.timeline === timeline);
  t.match(at('live'), [{ end: 'exited', exitCode: 0, othersRunning: true, stdout: /^(tick\n){3,}$/ }]);
  t.equal(at('live').length, 1, 'the others printed nothing there');
  t.match(at('main'), [
    { end: 'exited', exitCode: 4, othersRunning: true, stdout: 'checking\n', stderr: 'lost\n' },
    { end: 'exited', exitCode: 139, othersRunning: true },
    { end: 'exited', exitCode: 0, othersRunning: true, stdout: /^ready\n(tick\n){5,}$/ },
    { end: 'running', exitCode: null, stdout: 'at work\n' },
    { end: 'running', omittedCharacters: { stdout: 20_000_000 - 65_536 } },
  ]);
  t.match(
    at('main')[4]?.stdout,
    /^(y\n){16384}\n\[\.\.\. 19934464 characters are left out here \.\.\.\]\n(y\n){16384}$/,
  );
  t.match(renderJunit([report]), /<system-out>[^]* \| at work\n +still ran after [^]*<\/system-out>/);
});
