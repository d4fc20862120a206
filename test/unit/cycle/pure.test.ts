// SPDX-License-Identifier: MIT
import t from 'tap';
import { consoleRulesOf, judgeConsole } from '../../../emulator/cycle/console-rules.js';
import { decodeBootState, encodeBootState, type BootState } from '../../../emulator/cycle/boot-state.js';
import { bounded, judgeCommand, resultOf, type CommandEnd } from '../../../emulator/cycle/commands.js';
import { OUTPUT_CHARACTERS_MAX, type Finding } from '../../../emulator/cycle/outcome.js';
import { nodeMatcher } from '../../../emulator/host/node/matcher.js';
import { frozenAcrossPowerOff, frozenInLiveTimeline } from '../../../emulator/cycle/frozen.js';
import { measuresAcrossPowerOff, measuresInOneMachine } from '../../../emulator/cycle/measures.js';
import { readKtap } from '../../../emulator/cycle/ktap.js';
import { controlSteps, splitAtSuspend, unroll, type Step } from '../../../emulator/cycle/plan.js';
import { afterPowerOff, neverPowered, writesBetween } from '../../../emulator/cycle/power.js';
import { consoleTail } from '../../../emulator/cycle/stop.js';
import { swapOfCommandLine } from '../../../emulator/cycle/swap-place.js';
import { hibernation } from '../../../emulator/cycle/swsusp.js';
import { frozenSince } from '../../../emulator/cycle/sys-snapshot.js';
import { readTyping, writeTyping } from '../../../emulator/cycle/typing.js';
import { sectorEdits, triggersOf } from '../../../emulator/faults/fault.js';
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { stepBegin, stepEnd } from '../../../emulator/machine/markers.js';
import { gpa, sector } from '../../../emulator/machine/units.js';

const at = (kind: number, virtualMs: number): MarkerSeen => ({
  kind,
  word0: 0,
  word1: 0,
  instruction: virtualMs * 1000,
  virtualMs,
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

t.test('the pattern of an expected refusal allows how a kernel refuses, and no other fault', async (t) => {
  const console = new TextEncoder().encode(
    [
      '[    1.000000] Freezing user space processes failed after 20.000 seconds (1 tasks refusing to freeze, wq_busy=0):',
      '[    2.000000] WARNING: CPU: 0 PID: 1 at kernel/power/snapshot.c:100 snapshot_busy+0x1/0x2 failed',
      '',
    ].join('\n'),
  );
  const allowedLines: (readonly number[])[] = [];
  const judge = {
    proofs: {
      console: (_: Uint8Array, allowed: ReadonlySet<number> = new Set()) => {
        allowedLines.push([...allowed]);
        return [];
      },
    },
    matcher: nodeMatcher(),
  };
  const suspend = { do: 'suspend', refusal: { refused: 'failed' } } as unknown as Step;
  await judgeConsole(console, consoleRulesOf({ steps: [suspend] }), judge);
  await judgeConsole(console, consoleRulesOf({ console: { expect: [], allow: ['failed'] }, steps: [] }), judge);
  t.same(allowedLines, [[0], [0, 1]], 'a scenario can allow any fault by its own key');
});

t.test('a boot state survives its way through bytes', (t) => {
  const state: BootState = {
    checkpoint: { engine: 'v86', bytes: Uint8Array.of(9, 8, 7) },
    seen: {
      console: bytes('hello'),
      markers: [at(1, 2)],
      writes: [[], [{ instruction: 3, sector: sector(4), bytes: new Uint8Array(512).fill(5) }]],
      instructions: 6,
      virtualMs: 7.5,
    },
    notes: { found: ['x'] },
  };
  const encoded = encodeBootState(state);
  t.same(decodeBootState(encoded), state);
  t.equal(decodeBootState(encoded.subarray(0, encoded.length - 1)), undefined, 'cut short');
  t.equal(decodeBootState(Uint8Array.of(1, 2)), undefined);
  t.equal(decodeBootState(bytes('xxxx this is something else')), undefined);
  t.end();
});

t.test('time frozen', (t) => {
  const live = {
    markers: [at(stepBegin('freezeTasks'), 100), at(stepEnd('freezeTasks'), 101)],
    instructions: 400_000,
    virtualMs: 400,
  };
  // The resuming kernel freezes and thaws its own tasks before the jump: not what is asked for.
  const restored = {
    markers: [at(stepEnd('thawTasks'), 10), at(stepEnd('restore'), 50), at(stepEnd('thawTasks'), 70)],
  };
  t.same(frozenAcrossPowerOff(live, restored), { virtualMs: 370, instructions: 370_000 });
  t.equal(frozenAcrossPowerOff(live, { markers: [at(stepEnd('thawTasks'), 10)] }), undefined);
  t.same(
    frozenInLiveTimeline([at(stepBegin('freezeTasks'), 5), at(stepEnd('thawTasks'), 9), at(stepEnd('thawTasks'), 20)]),
    { virtualMs: 4, instructions: 4000 },
  );
  t.equal(frozenInLiveTimeline([]), undefined);
  t.end();
});

t.test('measures of a cycle', (t) => {
  const call = [at(stepBegin('call'), 90), at(stepBegin('freezeTasks'), 100), at(stepEnd('freezeTasks'), 104)];
  const copy = [
    { ...at(stepEnd('preserve'), 110), word0: 7 },
    at(stepBegin('copy'), 111),
    { ...at(stepEnd('copy'), 120), word0: 3000 },
  ];
  const span = (virtualMs: number): object => ({ virtualMs, instructions: virtualMs * 1000 });
  const earlier = [at(stepBegin('call'), 1), at(stepBegin('freezeTasks'), 2), at(stepEnd('freezeTasks'), 90)];
  const live = { markers: [...earlier, ...call, ...copy], instructions: 400_000, virtualMs: 400 };
  const resumed = [at(stepEnd('thawTasks'), 10), at(stepEnd('restore'), 50), at(stepEnd('thawTasks'), 70)];
  t.same(measuresAcrossPowerOff(live, resumed), {
    steps: { freezeTasks: span(4), copy: span(9) },
    copiedPages: 3000,
    preservedPages: 7,
    save: span(280),
    resume: span(70),
  });
  t.same(
    measuresAcrossPowerOff({ ...live, markers: [] }, [at(stepEnd('thawTasks'), 10)]),
    { steps: {} },
    'what was not reached is left out',
  );
  const woken = [at(stepBegin('devicesResume'), 231), at(stepEnd('devicesResume'), 235), at(stepEnd('thawTasks'), 260)];
  const back = [at(stepBegin('rollback'), 200), at(stepEnd('restore'), 230), ...woken];
  t.same(
    measuresInOneMachine([...live.markers, at(stepBegin('thawTasks'), 130), at(stepEnd('thawTasks'), 131), ...back]),
    {
      steps: { freezeTasks: span(4), copy: span(9), thawTasks: span(1) },
      copiedPages: 3000,
      preservedPages: 7,
      rollback: span(60),
    },
  );
  t.same(measuresInOneMachine(live.markers.slice(4, 6)), { steps: { freezeTasks: span(4) } });
  t.end();
});

t.test('KTAP of the guest', (t) => {
  const read = readKtap(
    'KTAP version 1\n1..3\nok 1 pipes\n# two bytes lost\n# at offset 7\nnot ok 2 - sockets\n    ok 1 nested\nok 3 timers # SKIP no timer\n',
  );
  t.same(read, {
    points: [
      { name: 'pipes', passed: true, detail: '' },
      { name: 'sockets', passed: false, detail: 'two bytes lost\nat offset 7' },
      { name: 'timers # SKIP no timer', passed: false, detail: '' },
    ],
    problem: undefined,
  });
  t.match(readKtap('1..2\nok 1 a\n').problem, /announces 2 tests and has 1/);
  t.match(readKtap('').problem, /no plan/);
  t.end();
});

t.test('what is expected of a command', async (t) => {
  const result: CommandEnd = { exitCode: 3, stdout: 'one\ntwo\n', stderr: 'oh\n', trouble: [] };
  const judge = (step: { exit: number; stdout?: string }): Promise<readonly Finding[]> =>
    judgeCommand({ command: 'x', timeoutMs: 90_000, ...step }, result, nodeMatcher());
  t.same(await judge({ exit: 3 }), []);
  t.same(await judge({ exit: 3, stdout: '^one\\ntwo$' }), []);
  t.match(await judge({ exit: 0 }), [
    { kind: 'command', what: '`x` ended with status 3, not 0', details: ['one', 'two', 'stderr: oh'] },
  ]);
  for (const stdout of ['three', '^two$', '^$'])
    t.match(await judge({ exit: 3, stdout }), [{ what: /^the output of `x` does not match/ }], stdout);
  t.match(
    await judgeCommand({ command: 'x', exit: 0, timeoutMs: 90_000 }, { ...result, exitCode: null }, nodeMatcher()),
    [{ kind: 'command', what: '`x` did not end within 90 s', details: ['one', 'two', 'stderr: oh'] }],
  );
  const output = { stdout: bytes('a'), stderr: bytes('') };
  t.equal(resultOf({ ended: 'signalled', signal: 9, ...output }).exitCode, 137);
  t.equal(resultOf({ ended: 'timedOut', ...output }).exitCode, 255);
});

t.test('output is kept in a bound, which is said', (t) => {
  t.same(bounded('short'), { text: 'short', omitted: 0 });
  const { text, omitted } = bounded(`first${'x'.repeat(100_000)}last`);
  t.match(text, /^first/);
  t.match(text, /last$/);
  t.match(text, `\n[... ${omitted} characters are left out here ...]\n`);
  t.equal(omitted, 100_009 - OUTPUT_CHARACTERS_MAX);
  t.ok(text.length < OUTPUT_CHARACTERS_MAX + 100);
  const pairs = bounded(`${'\u{1f600}'.repeat(50_000)}x`).text;
  t.equal(new TextDecoder().decode(new TextEncoder().encode(pairs)), pairs, 'no half of a pair stands alone');
  t.end();
});

t.test('steps written out, and those of the control run', (t) => {
  const suspend: Step = { do: 'suspend', method: 'swsusp', offMs: 0, whileSaving: [], faults: [] };
  const steps: Step[] = [
    { do: 'boot' },
    { do: 'repeat', times: 2, steps: [suspend, { do: 'resume', faults: [] }, { do: 'selfcheck', phase: 'verify' }] },
    { do: 'shutdown' },
  ];
  t.same(
    unroll(steps).map((step) => step.do),
    ['boot', 'suspend', 'resume', 'selfcheck', 'suspend', 'resume', 'selfcheck', 'shutdown'],
  );
  t.same(
    controlSteps(steps).map((step) => step.do),
    ['boot', 'selfcheck', 'selfcheck', 'shutdown'],
  );
  const cut: Step[] = [{ do: 'boot' }, { do: 'cutPower' }, { do: 'boot' }, { do: 'shutdown' }, { do: 'boot' }];
  t.same(
    controlSteps(cut).map((step) => step.do),
    ['boot', 'shutdown', 'boot'],
    'what never lost power is not booted again',
  );
  t.same(
    controlSteps([suspend, ...cut.slice(2)], true).map((step) => step.do),
    ['shutdown', 'boot'],
  );
  t.end();
});

t.test('what main and control run have in common', (t) => {
  const suspend: Step = { do: 'suspend', method: 'swsusp', offMs: 0, whileSaving: [], faults: [] };
  const before: Step[] = [{ do: 'boot' }, { do: 'selfcheck', phase: 'start' }];
  t.same(splitAtSuspend([...before, { do: 'repeat', times: 2, steps: [suspend] }]), {
    before,
    rest: [suspend, suspend],
  });
  t.equal(splitAtSuspend(before), undefined, 'nothing is suspended');
  t.equal(splitAtSuspend([...before, { do: 'shutdown' }, { do: 'boot' }, suspend]), undefined, 'another life before');
  t.equal(splitAtSuspend([suspend]), undefined);
  t.end();
});

t.test('what outlives a machine', (t) => {
  const write = (instruction: number) => ({ instruction, sector: sector(1), bytes: new Uint8Array(512) });
  const seen = { console: bytes('b'), markers: [], writes: [[write(5), write(9)]], instructions: 10, virtualMs: 100 };
  const off = afterPowerOff(
    afterPowerOff(neverPowered([new Uint8Array(512)], 1000), { ...seen, console: bytes('a') }),
    seen,
  );
  t.same(
    off.disks[0]?.overlay.map(({ instruction }) => instruction),
    [1, 5, 9],
    'the last log whole, those before it folded',
  );
  t.equal(off.wallClockMs, 1200);
  t.same(off.total, { virtualMs: 200, instructions: 20 });
  t.same(off.console, bytes('ab'));
  t.same(writesBetween(seen.writes, 6), [[write(9)]]);
  t.same(writesBetween(seen.writes, 5, 9), [[write(5)]]);
  t.end();
});

t.test('faults become triggers and edits', (t) => {
  const addressOf = (symbol: string) => gpa(symbol === 'banner' ? 4096 : 0);
  t.same(triggersOf([{ fault: 'cutPower', at: { disk: 1, write: 7, sectors: 3 } }], addressOf), [
    { when: { on: 'write', disk: 1, index: 7 }, then: { do: 'cutPower', sectorsWritten: 3 } },
  ]);
  t.same(triggersOf([{ fault: 'cutPower', at: { instruction: 8 } }], addressOf), [
    { when: { on: 'instruction', count: 8 }, then: { do: 'cutPower' } },
  ]);
  t.same(triggersOf([{ fault: 'flipMemory', at: { marker: 6, nth: 2 }, where: 'banner', xor: 4 }], addressOf), [
    { when: { on: 'marker', kind: 6, nth: 2 }, then: { do: 'flip', gpa: gpa(4096), xor: Uint8Array.of(4) } },
  ]);
  const failure = { requests: 'reads', times: 2 } as const;
  t.same(
    triggersOf(
      [
        { fault: 'failDisk', at: { marker: 6, nth: 2 }, disk: 1, failure },
        { fault: 'failDisk', at: { write: 3 }, disk: 0, failure },
      ],
      addressOf,
    ),
    [
      { when: { on: 'marker', kind: 6, nth: 2 }, then: { do: 'failDisk', disk: 1, failure } },
      { when: { on: 'write', disk: 0, index: 3 }, then: { do: 'failDisk', disk: 0, failure } },
    ],
  );
  const alter = { fault: 'alterSector', disk: 1, sector: 9, xor: 3 } as const;
  t.same(triggersOf([alter], addressOf), []);
  t.same(
    sectorEdits([alter], 0, () => new Uint8Array(512)),
    [],
  );
  const [edit] = sectorEdits([alter], 1, () => new Uint8Array(512).fill(1));
  t.equal(edit?.sector, 9);
  t.same([...(edit?.bytes.subarray(0, 2) ?? [])], [2, 1]);
  t.end();
});

t.test('recorded typing', (t) => {
  const typing = [
    { instruction: 5, bytes: bytes('ls\r') },
    { instruction: 80, bytes: Uint8Array.of(3) },
  ];
  const fromPipe = { size: undefined, typing };
  t.equal(writeTyping(fromPipe), '5 6c730d\n80 03\n');
  t.same(readTyping(writeTyping(fromPipe)), fromPipe);
  const atTerminal = { size: { rows: 50, columns: 132 }, typing };
  t.equal(writeTyping(atTerminal), 'size 50 132\n5 6c730d\n80 03\n');
  t.same(readTyping(writeTyping(atTerminal)), atTerminal);
  t.same(readTyping('size 0 80\n'), { badLine: 1 });
  t.same(readTyping('5 6c\nsize 24 80\n'), { badLine: 2 }, 'the size comes first');
  t.same(readTyping('5 6c\n4 6c\n'), { badLine: 2 }, 'backwards in time');
  t.same(readTyping('5 6\n'), { badLine: 1 });
  t.end();
});

t.test('the last lines of a console, without its control sequences', (t) => {
  t.same(consoleTail(bytes('a\r\n\u001b[2Jb\r\n\r\n')), ['a', 'b']);
  t.same(consoleTail(bytes('1\n2\n3\n'), 2), ['2', '3']);
  t.same(consoleTail(bytes('')), []);
  t.end();
});

t.test('stock hibernation is told the swap area in which the next boot looks', (t) => {
  const go = 'echo shutdown > /sys/power/disk && /bin/echo disk > /sys/power/state';
  t.equal(
    hibernation(swapOfCommandLine('noresume resume=/dev/sdb2 quiet resume=/dev/sdc1')),
    `echo 0 > /sys/power/resume_offset && echo /dev/sdc1 > /sys/power/resume && ${go}`,
    'the last word counts',
  );
  t.equal(hibernation(swapOfCommandLine('noresume')), go, 'nobody has named one');
  t.equal(
    hibernation(swapOfCommandLine('resume=PARTUUID=ABCD-02')),
    `echo 0 > /sys/power/resume_offset && echo /dev/disk/by-partuuid/abcd-02 > /sys/power/resume && ${go}`,
    'by the link of an id',
  );
  t.equal(hibernation(swapOfCommandLine('resume=/dev/sdb2 resume=')), go, 'an empty word takes it back');
  const file = swapOfCommandLine('resume_offset=1 resume=/dev/sda resume_offset=34816');
  t.same(file, { device: '/dev/sda', headerPage: 34816 }, 'a file');
  t.equal(
    hibernation(file),
    `echo 34816 > /sys/power/resume_offset && echo /dev/sda > /sys/power/resume && ${go}`,
    'its header is not at the beginning of the device',
  );
  t.end();
});

t.test(
  'nothing may be written between the freeze and the copy of the last call, if that freezes filesystems',
  async (t) => {
    const snapshot = [
      at(stepBegin('call'), 1),
      at(stepBegin('freezeFilesystems'), 2),
      at(stepEnd('freezeFilesystems'), 3),
      at(stepBegin('preserve'), 4),
      at(stepBegin('copy'), 5),
      at(stepEnd('call'), 6),
    ];
    t.equal(frozenSince(snapshot), 4000);
    t.equal(frozenSince(snapshot.slice(0, 3)), 3000);
    const swsusp = [at(stepBegin('call'), 7), at(stepBegin('freezeTasks'), 8), at(stepBegin('copy'), 9)];
    t.equal(frozenSince([...snapshot, ...swsusp]), undefined, 'that of an earlier snapshot is over');
    t.equal(frozenSince(swsusp), undefined);
  },
);
