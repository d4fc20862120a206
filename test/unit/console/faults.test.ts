// SPDX-License-Identifier: MIT
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EXCERPT_LINES_MAX, faultLines, findFaults, messageOf } from '../../../emulator/console/faults.js';
import { consoleLines } from '../../../emulator/console/lines.js';
import { FAULT_PATTERNS } from '../../../emulator/console/patterns.js';
import { packagePath } from '../../../emulator/host/node/paths.js';

// A golden log begins with what is expected of it, one `EXPECT kind beginning-of-title` per fault or `EXPECT nothing`, then an empty line.
const golden = packagePath('test', 'unit', 'console', 'golden');
for (const name of readdirSync(golden).filter((file) => file.endsWith('.log'))) {
  t.test(name, async (t) => {
    const [head = '', ...rest] = readFileSync(join(golden, name), 'utf8').split('\n\n');
    const expected = head
      .split('\n')
      .map((line) => line.replace(/^EXPECT /, ''))
      .filter((line) => line !== 'nothing');
    const lines = rest.join('\n\n').split('\n');
    const found = findFaults(lines);
    t.equal(found.length, expected.length, found.map((fault) => `${fault.kind} ${fault.title}`).join('\n'));
    for (const [i, line] of expected.entries()) {
      const fault = found[i];
      const [kind] = line.split(' ', 1);
      t.equal(fault?.kind, kind);
      t.ok(fault?.title.startsWith(line.slice((kind?.length ?? 0) + 1)), `${fault?.title} begins as ${line}`);
      t.equal(fault?.excerpt[0], lines[fault?.line ?? -1], 'the excerpt begins at the line that is named');
      t.ok((fault?.excerpt.length ?? 0) <= EXCERPT_LINES_MAX);
    }
  });
}

t.test('a report reaches to its end and no further', async (t) => {
  const lines = readFileSync(join(golden, 'warning-and-refcount.log'), 'utf8').split('\n\n')[1]?.split('\n') ?? [];
  const [warning] = findFaults(lines);
  t.match(warning?.excerpt[0], /cut here/);
  t.match(warning?.excerpt.at(-1), /end trace/);
});

t.test('repeated messages of one kind are one fault that counts them', async (t) => {
  const line = (i: number): string =>
    `[    1.${String(i).padStart(6, '0')}] I/O error, dev sda, sector ${i} op 0x1:(WRITE) flags 0x0 phys_seg 1 prio class 0`;
  const [fault, ...more] = findFaults(Array.from({ length: 500 }, (_, i) => line(i)));
  t.same(more, []);
  t.equal(fault?.count, 500);
  t.equal(fault?.excerpt.length, EXCERPT_LINES_MAX);
});

t.test('a message glued to the output of a program is seen', async (t) => {
  t.equal(messageOf('half a line[   12.000001] BUG: Bad page map in process x'), 'BUG: Bad page map in process x');
  t.equal(messageOf('<4>[   12.000001][  T12] hello'), 'hello');
  const [fault] = findFaults(
    consoleLines(new TextEncoder().encode('progress 10%[   12.000001] kernel BUG at mm/slub.c:1!\r\n')),
  );
  t.equal(fault?.kind, 'bug');
});

t.test('each kind of fault has a golden log', async (t) => {
  const logs = readdirSync(golden)
    .filter((file) => file.endsWith('.log'))
    .map((file) => readFileSync(join(golden, file), 'utf8'));
  const shown = new Set(logs.flatMap((text) => [...text.matchAll(/^EXPECT (\w+)/gm)].map(([, kind]) => kind)));
  t.same(
    [...new Set(FAULT_PATTERNS.map(({ kind }) => kind))].filter((kind) => !shown.has(kind)),
    [],
  );
});

t.test('lines that are allowed are no faults, and hide none beside them', (t) => {
  const lines = [
    '[    1.000000] crash[70]: segfault at 0 ip 08048054 sp bffffe30 error 4 in crash[54,8048000+1000]',
    '[    1.100000] victim[71]: segfault at 4 ip 08048054 sp bffffe30 error 4 in victim[54,8048000+1000]',
    '[    1.200000] crash[72]: segfault at 0 ip 08048054 sp bffffe30 error 4 in crash[54,8048000+1000]',
    '[    1.300000] all is well',
    '[    2.000000] hog invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0',
    '[    2.000001] CPU: 0 PID: 73 Comm: hog Not tainted 6.12.0 #1',
    '[    2.000002] Out of memory: Killed process 73 (hog) total-vm:1kB',
  ];
  t.same(
    faultLines(lines).map(({ index }) => index),
    [0, 1, 2, 4, 6],
  );
  const titles = (allowed: readonly number[]): unknown =>
    findFaults(lines, new Set(allowed)).map(({ title, count }) => [/^[a-z]+/i.exec(title)?.[0], count]);
  t.same(titles([]), [
    ['crash', 3],
    ['hog', 1],
  ]);
  t.same(
    titles([0, 2]),
    [
      ['victim', 1],
      ['hog', 1],
    ],
    'the one between two that are allowed',
  );
  t.same(titles([6]), [['crash', 3]], 'a report is allowed by any line that it is found by');
  t.same(titles([0, 1, 2, 4]), []);
  t.end();
});

t.test('a warning is found that names file and line first, too', (t) => {
  const other = '[    1.000000] WARNING: kernel/power/main.c:10 at pm_wakeup+0x1/0x2, CPU#0: sh/41';
  t.match(findFaults([other]), [{ kind: 'warning', line: 0 }]);
  t.end();
});

t.test('a report that no pattern describes can be allowed by its first line', (t) => {
  const lines = [
    '[    1.000000] ------------[ cut here ]------------',
    '[    1.000010] a driver is not pleased',
    '[    1.000020] Call Trace:',
    '[    1.000030] ---[ end trace 0000000000000000 ]---',
  ];
  t.same(faultLines(lines), [{ index: 1, kind: 'warning' }]);
  t.match(findFaults(lines), [{ kind: 'warning', title: 'a driver is not pleased', line: 0, excerpt: lines }]);
  t.same(findFaults(lines, new Set([1])), []);
  t.end();
});

t.test('a report without an end does not take in the faults after it', (t) => {
  const lines = [
    '[    1.000000] ------------[ cut here ]------------',
    ...Array.from({ length: 2 * EXCERPT_LINES_MAX }, (_, i) => `[    1.000010] line ${i}`),
    '[    2.000010] BUG: Bad page map in process x',
  ];
  t.match(findFaults(lines), [
    { kind: 'warning', title: 'line 0' },
    { kind: 'badPage', line: lines.length - 1 },
  ]);
  t.end();
});
