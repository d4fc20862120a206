// SPDX-License-Identifier: MIT
/** snapshot(2): another order of freezing with a store in memory, programs that wait, a page that is altered on purpose, savers that are killed, and a store that is in use. */
import t from 'tap';
import { passing, runText } from '../e2e/cycle-support.js';

t.test('programs that wait in a system call do not notice', async (t) => {
  t.match(await passing('waits'), { verdict: 'pass', cycles: 2, failures: [] });
});

t.test('a preserved page that changes after the copy is found, in the image and in the restored memory', async (t) => {
  // The page at the top of init's stack: where it lies is the same in every run.
  const entry = `e=$(grep stack /proc/1/maps | cut -d' ' -f1 | cut -d- -f2); dd if=/proc/1/pagemap bs=8 skip=$((0x$e / 4096 - 1)) count=1 2>/dev/null | od -An -tx8`;
  const scenario = (faults: string): string => `name: altered\ncontrol: false\nsteps:
  - boot
  - run: ${JSON.stringify(entry)}
  - suspend: { method: sys_snapshot, compress: false, faults: [${faults}] }
  - resume
  - verify
`;
  const good = await runText(t.testdir({}), scenario(''));
  t.same(good.report.failures, []);
  const frame = parseInt(good.outcome.main.commands[0]?.stdout.trim().slice(-8) ?? '', 16);
  const bad = await runText(
    t.testdir({}),
    scenario(`{ flipMemory: { marker: 'copy:end', address: ${frame * 4096 + 100} } }`),
  );
  const where = new RegExp(`^pfn 0x${frame.toString(16)}\\+0x64: 1 bytes differ.*anonymous memory, init \\(pid 1\\)`);
  t.match(bad.report.failures, [
    { kind: 'memory', details: [where] },
    { kind: 'image', details: [where] },
  ]);
});

t.test('who saves the image is killed last when memory runs out, and missed at once when killed', async (t) => {
  const saver = '/run/snapback/saver';
  const score =
    "{ command: 'cat /proc/$(cat /run/snapback/saver)/oom_score_adj /proc/$(pidof snapctl)/oom_score_adj', stdout: '^-999\\n-999$' }";
  for (const [when, commands] of [
    ['beforeSaving', `[${score}, kill -9 $(cat ${saver})]`],
    ['whileSaving', `[kill -9 $(cat ${saver})]`],
  ] as const) {
    const { report } = await runText(
      t.testdir({}),
      `name: killed\ncontrol: false\nsteps:
  - boot
  - suspend: { ${when}: ${commands} }
  - resume
`,
    );
    t.match(
      report.failures,
      [{ kind: 'guest', details: new RegExp('the program that saves the image has been killed') }],
      when,
    );
    t.ok(report.virtualMs < 30_000, 'not when the time is over');
  }
});

t.test('a store that is in use: refused, and why', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: refused\ncontrol: false\nsteps:
  - boot
  - run: mkswap /dev/sdb1 && swapon /dev/sdb1
  - suspend: { method: sys_snapshot }
  - resume
`,
  );
  // Device-mapper complains on the console as well, which is a finding of its own.
  t.match(report.failures[0], {
    kind: 'guest',
    what: 'the kernel refused to take a snapshot',
  });
  t.match(report.failures[0]?.details.at(-1), /Device or resource busy/);
  t.equal(report.verdict, 'fail');
});

t.test('filesystems first, and a store in memory', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: other ways\ncontrol: false\nsteps:
  - boot
  - run: echo before > /root/where
  - run: echo filesystems-first > /sys/kernel/snapshot/freeze_order
  - suspend:
      method: sys_snapshot
      store: memory
      compress: false
      whileSaving:
        - echo live > /root/where && head -c 8M /dev/zero > /root/junk && sync && echo 3 > /proc/sys/vm/drop_caches
        - { command: cat /root/where, stdout: '^live$' }
        - { command: tune2fs -L live /dev/mapper/root }
  - resume
  - verify
  - run: '[ "$(cat /root/where)" = before ] && [ ! -e /root/junk ]'
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report, {
    memory: { pagesDiffering: 0 },
    image: { pagesDiffering: 0 },
    disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
  });
});
