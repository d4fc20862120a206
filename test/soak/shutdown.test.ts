// SPDX-License-Identifier: MIT
/** The shutdown stops bcache, or names what it cannot stop. */
import t from 'tap';
import { runText } from '../e2e/cycle-support.js';

const BCACHE = `disks: [root, stacks]
machine: { memory: 128 MiB }
control: false
steps:
  - boot
  - run: make-bcache cache /dev/sdb12 && make-bcache backing /dev/sdb13
  - run: for d in 12 13; do echo /dev/sdb$d > /sys/fs/bcache/register; done
  - run: mke2fs -q -t ext4 /dev/bcache0 && mkdir /run/a && mount -t ext4 /dev/bcache0 /run/a && echo kept > /run/a/file`;

t.test('bcache is stopped, its cache as well', async (t) => {
  const { report, outcome } = await runText(t.testdir({}), `name: bcache\n${BCACHE}\n  - shutdown\n`);
  t.same(report.failures, []);
  const console = new TextDecoder().decode(outcome.main.console);
  t.match(console, /bcache: .*bcache0 stopped/);
  t.match(console, /bcache: .*Cache set .* unregistered/);
  t.notMatch(console, /Stopping all devices/, 'nothing of it is left to the kernel');
});

t.test('a device of bcache that waits for its cache is stopped', async (t) => {
  const { report, outcome } = await runText(
    t.testdir({}),
    `name: bcache\n${BCACHE}
  - run: umount /run/a && echo 1 > /sys/block/bcache0/bcache/stop && sleep 1
  - run: for stop in /sys/fs/bcache/*-*/stop; do echo 1 > $stop; done && sleep 1
  - run: echo /dev/sdb13 > /sys/fs/bcache/register && [ -e /sys/class/block/sdb13/bcache/stop ] && [ ! -e /sys/block/bcache0 ]
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.notMatch(new TextDecoder().decode(outcome.main.console), /Stopping all devices/);
});

t.test('a bcache device that is held is named', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: bcache\n${BCACHE}\n  - run: fsfreeze -f /run/a\n  - shutdown\n`,
  );
  t.match(report.failures, [
    { kind: 'filesystem', what: /left in use, .*: bcache device \/dev\/bcache0$/, details: [/bcache0: in use$/] },
  ]);
});
