// SPDX-License-Identifier: MIT
import t from 'tap';
import { DEFAULT_MACHINE } from '../../../emulator/cycle/plan.js';
import type { Finding, TimelineOutcome } from '../../../emulator/cycle/outcome.js';
import { commandLines } from '../../../emulator/report/commands.js';
import { excerptOf } from '../../../emulator/report/excerpt.js';
import { renderJunit, renderKtap } from '../../../emulator/report/machine-readable.js';
import type { Report } from '../../../emulator/report/model.js';
import { bytes, counted, millions, time } from '../../../emulator/report/numbers.js';
import { readReport, readReports } from '../../../emulator/report/read.js';
import { renderFindings, renderText } from '../../../emulator/report/text.js';
import { parseKtap, parseJunit } from './readers.js';
import { reportWith, timeline } from './reports.js';

const lost: Finding = {
  kind: 'memory',
  what: '1 page differs <after> the restore',
  details: Array.from({ length: 20 }, (_, index) => `pfn ${index}`),
};

t.test('a report follows its schema, there and back', (t) => {
  for (const report of [
    reportWith([]),
    reportWith([lost]),
    reportWith([], { control: undefined, main: timeline({ cycles: [] }) }),
  ]) {
    const read = readReport(JSON.stringify(report));
    t.same('report' in read ? read.report : read, JSON.parse(JSON.stringify(report)));
  }
  t.end();
});

t.test('what was otherwise than usual is noted', (t) => {
  const report: Report = {
    ...reportWith([]),
    notes: ['disk root: zlib1g 1 of the lock is gone from the mirrors: 2 was taken'],
  };
  t.ok('report' in readReport(JSON.stringify(report)));
  t.match(renderText(report, { colour: false }), /^ {2}note +disk root: zlib1g 1/m);
  t.notMatch(renderText(reportWith([]), { colour: false }), /note/);
  t.end();
});

t.test('what is no report is refused with the place', (t) => {
  const good = JSON.parse(JSON.stringify(reportWith([]))) as Record<string, unknown>;
  t.match(readReport('{'), { problem: /not JSON/ });
  t.match(readReport(JSON.stringify({ ...good, verdict: 'maybe' })), { problem: /\/verdict/ });
  t.match(readReport(JSON.stringify({ ...good, stateHash: 'x' })), { problem: /\/stateHash/ });
  t.match(readReport(JSON.stringify({ ...good, more: 1 })), { problem: /additional/ });
  t.end();
});

t.test('the control run has its state in the report', (t) => {
  const control = timeline({ total: { virtualMs: 1, instructions: 2 }, stateHash: 'cd'.repeat(32) });
  t.same(reportWith([], { control }).controlRun, { virtualMs: 1, instructions: 2, stateHash: 'cd'.repeat(32) });
  t.equal(reportWith([], { control: undefined }).controlRun, undefined);
  t.end();
});

t.test('a list of reports is read, too', (t) => {
  const [one, two] = [reportWith([]), reportWith([lost])].map((report) => JSON.parse(JSON.stringify(report)) as Report);
  t.same(readReports(JSON.stringify(one)), { reports: [one] });
  t.same(readReports(JSON.stringify([one, two])), { reports: [one, two] });
  t.same(readReports('[]'), { problem: 'it is an empty list: the run that wrote it ended without a verdict' });
  t.match(readReports(JSON.stringify([one, { ...two, seed: -1 }])), { problem: /^\/seed of report 2 must be >= 0/ });
  t.match(readReports('[1]'), { problem: /^report 1 must be object/ });
  t.match(readReports('1'), { problem: /^it must be object/ });
  t.end();
});

t.test('the verdict is what was found', (t) => {
  t.equal(reportWith([]).verdict, 'pass');
  const failed = reportWith([lost]);
  t.equal(failed.verdict, 'fail');
  t.match(failed.failures, [{ kind: 'memory', replay: 'npx snapback run x.yaml --seed 1' }]);
  t.end();
});

t.test('cycles are summed up, the longest freeze stands for all', (t) => {
  const [cycle] = timeline().cycles;
  if (!cycle) throw new Error('no cycle');
  const longer = {
    ...cycle,
    frozen: { virtualMs: 2000, instructions: 1 },
    image: { bytes: 5, pagesCompared: 1, pagesDiffering: 1 },
  };
  const report = reportWith([], { main: timeline({ cycles: [cycle, longer] }) });
  t.match(report, {
    cycles: 2,
    memory: { pagesCompared: 6000, pagesByReason: { free: 120_000 } },
    image: { bytes: 12_345_678, pagesDiffering: 1 },
    frozen: { virtualMs: 2000 },
  });
  t.end();
});

t.test('one screen of text', (t) => {
  const text = renderText(reportWith([]), { colour: false });
  t.match(
    text,
    /^PASS {2}stock suspend & resume\n {6}Linux 6\.12\.117 release · v86 i386 · 1 processor · 256 MiB · seed 1 · swsusp · 1 cycle · off for 60 min\n/,
  );
  t.match(text, /memory {7}3,000 pages compared, 0 differ\n.*not in the image: 60,000 free, 12 nosave/);
  t.match(text, /filesystems {2}sda ext4: clean at the suspend/);
  t.match(text, /self-checks {2}1 passed, 0 failed \(control run: 1 passed, 0 failed\)/);
  t.match(text, /frozen {7}1\.5 s · 700 M instructions/);
  t.ok(text.split('\n').length <= 24, 'fits on a screen');
  t.notMatch(text, /\u001b/);
  t.match(renderText(reportWith([]), { colour: true }), /\u001b\[32mPASS/);
  t.end();
});

t.test('a rollback is a cycle in which the machine is never off', (t) => {
  const cycles = timeline().cycles.map((cycle) => ({ ...cycle, method: 'sys_snapshot' as const }));
  const back = cycles.map((cycle) => ({ ...cycle, offMs: 0, rolledBack: true as const }));
  const headline = (of: TimelineOutcome['cycles']): string | undefined => {
    const report = reportWith([], { main: timeline({ cycles: of }) });
    t.same(readReports(JSON.stringify(report)), { reports: [report] }, 'follows the schema');
    return renderText(report, { colour: false }).split('\n')[1]?.split(' · seed 1 · ')[1];
  };
  t.equal(headline(back), 'sys_snapshot · 1 cycle · 1 rolled back');
  t.equal(headline([...back, ...cycles]), 'sys_snapshot · 2 cycles · 1 rolled back · off for 60 min');
  t.end();
});

t.test('the report says on what machine it was, and what its numbers are worth', (t) => {
  const report = reportWith([], {}, { ...DEFAULT_MACHINE, engine: 'qemu', arch: 'x86_64', processors: 2 });
  t.same(report.machine, {
    engine: 'qemu',
    arch: 'x86_64',
    processors: 2,
    deterministic: false,
    countsInstructions: false,
  });
  t.same(readReports(JSON.stringify(report)), { reports: [report] }, 'follows the schema');
  const text = renderText(report, { colour: false });
  t.match(text, /release · qemu x86_64 · 2 processors · 256 MiB/);
  t.match(text, /frozen {7}1\.5 s\n/);
  t.match(text, /run {10}3\.2 s of guest time · 9\.88 s real\n/);
  t.notMatch(text, /instructions|^ *state /m);
  t.match(renderText(reportWith([]), { colour: false }), /^ *state {8}abab/m);
  const limit = /another run with the same inputs: a run of qemu cannot be repeated bit by bit/;
  t.match(text, new RegExp(`replay: npx snapback run x\\.yaml --seed 1\\n {10}\\(${limit.source}\\)$`));
  t.match(renderKtap([report]), /\n# machine: qemu x86_64, 2 processors\nok 1 stock/);
  t.ok(parseKtap(renderKtap([report])));
  const [suite] = parseJunit(renderJunit([report])).children;
  t.match(suite?.children[0], {
    name: 'properties',
    children: [
      { attributes: { name: 'engine', value: 'qemu' } },
      { attributes: { name: 'arch', value: 'x86_64' } },
      { attributes: { name: 'processors', value: '2' } },
      { attributes: { name: 'deterministic', value: 'false' } },
    ],
  });
  const failed = reportWith([lost], {}, { ...DEFAULT_MACHINE, engine: 'qemu' });
  t.match(renderJunit([failed]), new RegExp(`replay: npx snapback run x\\.yaml --seed 1\\n +\\(${limit.source}\\)`));
  t.notMatch(renderText(reportWith([]), { colour: false }), limit);
  const onNvme = reportWith([], {}, { ...DEFAULT_MACHINE, engine: 'qemu', arch: 'x86_64', diskBus: 'nvme' });
  t.same(readReports(JSON.stringify(onNvme)), { reports: [onNvme] });
  t.match(renderText(onNvme, { colour: false }), /release · qemu x86_64 · 1 processor · nvme disks · 256 MiB/);
  const ordered = reportWith([], {}, { ...DEFAULT_MACHINE, freezeOrder: 'filesystems-first' });
  t.same(readReports(JSON.stringify(ordered)), { reports: [ordered] });
  t.match(renderText(ordered, { colour: false }), /1 processor · filesystems first · 256 MiB/);
  t.match(renderJunit([ordered]), /<property name="freezeOrder" value="filesystems-first"\/>/);
  const { machine: _, ...old } = reportWith([]);
  t.match(readReports(JSON.stringify(old)), { reports: [old] }, 'of a version with one engine');
  t.match(renderText(old, { colour: false }), /release · 256 MiB/);
  t.end();
});

t.test('what commands did is in the report, and nothing that they print can break it', (t) => {
  const command = {
    timeline: 'live' as const,
    command: 'cat x',
    end: 'exited' as const,
    exitCode: 3,
    stdout: 'one\n\u001b[2Jtwo ]]></system-out>\n',
    stderr: 'oh\u0000\ufffe\n',
    omittedCharacters: { stdout: 0, stderr: 0 },
    startVirtualMs: 3200,
    durationVirtualMs: 12.5,
  };
  const report = reportWith([], {
    main: timeline({ commands: [command] }),
    control: timeline({
      commands: [{ ...command, timeline: 'control', end: 'timedOut', exitCode: null, stdout: '', stderr: '' }],
    }),
  });
  const read = readReport(JSON.stringify(report));
  t.match(read, { report: { commands: [command, { timeline: 'control', exitCode: null }] } });
  t.same(report.commands.map(commandLines), [
    [
      '$ cat x',
      '  | one',
      '  | \\x1b[2Jtwo ]]></system-out>',
      '  stderr | oh\\x00\\u{fffe}',
      '  ended with status 3 after 13 ms, begun at 3.2 s of guest time (live timeline)',
    ],
    ['$ cat x', '  did not end in time after 13 ms, begun at 3.2 s of guest time (control run)'],
  ]);
  const xml = renderJunit([report]);
  t.match(xml, /<system-out>\$ cat x\n {2}\| one\n {2}\| \\x1b\[2Jtwo \]\]&gt;&lt;\/system-out&gt;\n/);
  t.equal(xml.match(/<system-out>/g)?.length, 1);
  t.notMatch(renderJunit([reportWith([])]), /system-out/);
  t.end();
});

t.test('programs of the background that have not ended by the end', (t) => {
  const program = {
    timeline: 'main' as const,
    command: 'serve',
    background: true as const,
    stdout: 'ready\n',
    stderr: '',
    omittedCharacters: { stdout: 0, stderr: 0 },
    startVirtualMs: 1000,
    durationVirtualMs: 2000,
  };
  const left = { ...program, end: 'exited' as const, exitCode: 0, othersRunning: true as const };
  const commands = [{ ...program, end: 'running' as const, exitCode: null }, left];
  const report = reportWith([], { main: timeline({ commands }) });
  t.match(readReport(JSON.stringify(report)), { report: { commands } });
  t.same(report.commands.map(commandLines), [
    ['$ serve', '  | ready', '  still ran after 2 s, begun at 1 s of guest time'],
    [
      '$ serve',
      '  | ready',
      '  ended with status 0 (other processes of its group still ran) after 2 s, begun at 1 s of guest time',
    ],
  ]);
  t.match(renderJunit([report]), /<system-out>\$ serve\n {2}\| ready\n {2}still ran after/);
  t.end();
});

t.test('what was not run is named, timeline by timeline', (t) => {
  const steps = Array.from({ length: 9 }, (_, index) => ({ timeline: 'main' as const, step: `run ${index}` }));
  const report = reportWith([lost], {
    main: timeline({ stepsNotRun: [...steps, { timeline: 'live', step: 'run x' }] }),
    control: timeline({ stepsNotRun: [{ timeline: 'control', step: 'shut down' }] }),
  });
  t.ok('report' in readReport(JSON.stringify(report)));
  t.equal(report.stepsNotRun.length, 11);
  const text = renderText(report, { colour: false });
  t.match(
    text,
    /^ {2}not run {6}9 steps after a failure: run 0, .*run 5 \.\.\. \(all of them are in the JSON report\)$/m,
  );
  t.match(text, /1 step after a failure in the live timeline: run x$/m);
  t.match(text, /1 step after a failure in the control run: shut down$/m);
  t.notMatch(renderText(reportWith([]), { colour: false }), /not run/);
  t.end();
});

t.test('self-checks are counted where there are any', (t) => {
  const none = timeline({ selfChecks: [] });
  t.notMatch(renderText(reportWith([], { main: none, control: none }), { colour: false }), /self-checks/);
  t.match(
    renderText(reportWith([], { main: none }), { colour: false }),
    /self-checks {2}0 passed, 0 failed \(control run: 1 passed/,
    'those of the control run alone are told, too',
  );
  t.end();
});

t.test('what was found is told of a run without a verdict', (t) => {
  t.match(renderFindings([lost]), /without a verdict:\n {2}failure memory: 1 page differs .*\n {6}pfn 0\n/);
  t.end();
});

t.test('a failure shows what, where, and how to see it again', (t) => {
  const text = renderText(reportWith([lost]), { colour: false });
  t.match(text, /^FAIL/);
  t.match(text, /failure memory: 1 page differs <after> the restore\n {6}pfn 0\n/);
  t.match(text, /\.\.\. 8 lines left out here: see the JSON report/);
  t.match(text, /replay: npx snapback run x\.yaml --seed 1$/);
  t.end();
});

const console25 = Array.from({ length: 25 }, (_, index) => `[    1.${String(index).padStart(6, '0')}] line ${index}`);
const shownOf = (finding: Finding): string[] =>
  renderText(reportWith([finding]), { colour: false })
    .split('\n')
    .filter((line) => line.startsWith('      '))
    .slice(1)
    .map((line) => line.trim().replace(/^\[.*\] /, ''))
    .filter((line) => !line.startsWith('not in the image'));
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}`);

t.test('of a console the last lines are shown, and what to do', (t) => {
  const finding: Finding = { kind: 'guest', what: 'it stopped', details: console25, remedy: 'look at it' };
  t.same(shownOf(finding), [
    '... 13 lines left out here: see the JSON report',
    ...numbered(13, 24),
    'what to do: look at it',
  ]);
  t.same(
    shownOf({ ...finding, kind: 'command', details: console25.slice(0, 5) }),
    [...numbered(0, 4), 'what to do: look at it'],
    'all of a short one',
  );
  t.end();
});

t.test('of a console with a fault the lines around it are shown, and the last ones', (t) => {
  const panicAt = (index: number): Finding => ({
    kind: 'control',
    what: 'in the control run: it stopped',
    details: console25.with(index, '[    1.000000] Kernel panic - not syncing: VFS: Unable to mount root fs'),
  });
  t.same(shownOf(panicAt(8)), [
    '... 4 lines left out here: see the JSON report',
    ...numbered(4, 7),
    'Kernel panic - not syncing: VFS: Unable to mount root fs',
    ...numbered(9, 11),
    '... 9 lines left out here: see the JSON report',
    ...numbered(21, 24),
  ]);
  t.match(shownOf(panicAt(2))[2], /^Kernel panic/, 'at the very beginning');
  t.match(shownOf(panicAt(24)).slice(-2), ['line 23', /^Kernel panic/], 'at the very end');
  t.equal(shownOf(panicAt(20)).length, 13, 'no second gap where the two meet');
  t.end();
});

t.test('of the output of tests those around the first that failed are shown', (t) => {
  const tests = Array.from({ length: 91 }, (_, index) => `ok ${index + 1} check-${index + 1}`);
  const details = tests.with(59, 'not ok 60 check-60');
  t.same(excerptOf('command', details, 12), [
    '... 55 lines left out here',
    ...tests.slice(55, 59),
    'not ok 60 check-60',
    ...tests.slice(60, 63),
    '... 24 lines left out here',
    ...tests.slice(87),
  ]);
  t.end();
});

t.test('a remedy reaches other programs', (t) => {
  const report = reportWith([{ kind: 'guest', what: 'it stopped', details: ['line'], remedy: 'look at it' }]);
  t.ok('report' in readReport(JSON.stringify(report)));
  t.match(renderKtap([report]), /# it stopped\n {2}# line\n {2}# what to do: look at it\n/);
  t.match(renderJunit([report]), />line\nwhat to do: look at it\nreplay: /);
  t.end();
});

t.test('for other programs', (t) => {
  const reports = [reportWith([]), reportWith([lost])];
  const ktap = renderKtap(reports);
  t.match(ktap, /^KTAP version 1\n1\.\.2\n {2}KTAP version 1\n {2}1\.\.6\n {2}ok 1 memory\n/);
  t.match(ktap, /\nok 1 stock suspend & resume\n/);
  t.match(ktap, / {2}# 1 page differs <after> the restore\n {2}# pfn 0\n/);
  t.match(ktap, / {2}not ok 1 memory\n {2}ok 2 image\n {2}ok 3 disk/);
  t.match(ktap, /\nnot ok 2 stock suspend & resume\n$/);
  const junit = renderJunit(reports);
  t.match(junit, /<testsuites tests="12" failures="1" errors="0">/);
  t.match(junit, /failure message="1 page differs &lt;after&gt; the restore"/);
  t.match(junit, /classname="stock suspend &amp; resume"/);
  t.equal(junit.match(/<testsuite /g)?.length, 2);
  t.end();
});

t.test('a scenario without a verdict is no success for other programs', (t) => {
  const results = [
    reportWith([]),
    { name: 'b & c', reason: 'the <disk> is full', details: ['because: ENOSPC', 'what to do: free some space'] },
    { name: 'd', reason: "not run, because the command ended with 'b & c'", details: [] },
  ];
  const ktap = renderKtap(results);
  t.match(ktap, /^KTAP version 1\n1\.\.3\n/);
  t.ok(
    ktap.endsWith(
      [
        'ok 1 stock suspend & resume',
        '# no verdict: the <disk> is full',
        '# because: ENOSPC',
        '# what to do: free some space',
        'not ok 2 b & c',
        "# no verdict: not run, because the command ended with 'b & c'",
        'not ok 3 d',
        '',
      ].join('\n'),
    ),
    ktap,
  );
  const junit = renderJunit(results);
  t.match(junit, '<testsuites tests="8" failures="0" errors="2">');
  t.match(
    junit,
    [
      '  <testsuite name="b &amp; c" tests="1" failures="0" errors="1" time="0.000">',
      '    <testcase classname="b &amp; c" name="run">',
      '      <error message="no verdict: the &lt;disk&gt; is full">because: ENOSPC\nwhat to do: free some space</error>',
      '    </testcase>',
      '  </testsuite>',
    ].join('\n'),
  );
  t.match(junit, /<error message="no verdict: not run, [^"]*"><\/error>/);
  t.match(renderKtap(results.slice(1, 2)), /^KTAP version 1\n1\.\.1\n/, 'even if no scenario has a verdict');
  t.end();
});

t.test('numbers for people', (t) => {
  t.same([bytes(9), bytes(123_456), bytes(12_345_678)], ['9 B', '123.5 kB', '12.3 MB']);
  t.same(
    [time(0.5), time(999), time(1500), time(600_000), time(8 * 3_600_000)],
    ['0.5 ms', '999 ms', '1.5 s', '10 min', '8 h'],
  );
  t.same([millions(5), millions(1_234_567_890)], ['5', '1,235 M']);
  t.same([counted(1, 'page'), counted(2000, 'page')], ['1 page', '2,000 pages']);
  t.same([counted(1, 'patch'), counted(2, 'patch')], ['1 patch', '2 patches']);
  t.end();
});
