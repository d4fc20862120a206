// SPDX-License-Identifier: MIT
import { readFileSync, readdirSync } from 'node:fs';
import t from 'tap';
import { renderIssues } from '../../../emulator/yaml/index.js';
import { readScenario, type MachineOverrides } from '../../../emulator/scenario/schema.js';

const issuesOf = (text: string): string[] => {
  const read = readScenario(text, 'x.yaml');
  return 'issues' in read ? read.issues.map(({ line, col, message }) => `${line}:${col} ${message}`) : [];
};

t.test('short and long forms of a step say the same', (t) => {
  const read = readScenario(
    "name: x\nsteps: [boot, { run: ls }, { run: { command: ls } }, { start: top }, { repeat: { times: 2, steps: [{ run: 'true' }] } }]\n",
    'x.yaml',
  );
  if ('issues' in read) throw new Error(renderIssues(read.issues));
  const [boot, short, long, start, repeat] = read.scenario.steps;
  t.same(boot, { do: 'boot' });
  t.same(short, { do: 'run', command: 'ls', exit: 0, timeoutMs: 60_000 });
  t.same(long, short);
  t.same(start, { do: 'start', name: 'top', command: 'top' });
  t.match(repeat, { do: 'repeat', times: 2, steps: [{ do: 'run', command: 'true' }] });
  t.same(read.scenario.machine, {
    engine: 'v86',
    arch: 'i386',
    processors: 1,
    memoryMiB: 256,
    diskBus: 'ide',
    seed: 1,
    kernel: 'release',
    cmdline: [],
    wallClockMs: Date.UTC(2026, 0, 1),
  });
  t.end();
});

t.test('a program in the background may end where its step says so', (t) => {
  const read = readScenario('name: x\nsteps: [boot, { start: { command: top, exit: 3 } }]\n', 'x.yaml');
  t.same('issues' in read ? read.issues : read.scenario.steps[1], {
    do: 'start',
    name: 'top',
    command: 'top',
    exit: 3,
  });
  t.match(issuesOf('name: x\nsteps: [boot, { start: { command: top, exit: 256 } }]\n'), [/exit|255/]);
  t.end();
});

t.test('a command may fail without an end of the scenario', (t) => {
  const run = (more: string): unknown => {
    const read = readScenario(`name: x\nsteps: [boot, { run: { command: ls${more} } }]\n`, 'x.yaml');
    return 'issues' in read ? read.issues.length : read.scenario.steps[1];
  };
  const step = { do: 'run', command: 'ls', exit: 0, timeoutMs: 60_000 };
  t.same(run(', continue: true'), { ...step, continue: true });
  t.same(run(', continue: false'), step);
  t.equal(run(', continue: perhaps'), 1);
  t.end();
});

t.test('a machine is of an engine that can make it', (t) => {
  const machine = (fields: string): unknown => {
    const text = `name: x\nmachine: { ${fields} }\nsteps: [boot]\n`;
    const read = readScenario(text, 'x.yaml');
    return 'issues' in read ? issuesOf(text) : read.scenario.machine;
  };
  t.match(machine('engine: qemu, arch: x86_64, processors: 2, memory: 2 GiB'), {
    engine: 'qemu',
    arch: 'x86_64',
    processors: 2,
    memoryMiB: 2048,
  });
  t.match(machine('engine: qemu, arch: x86_64'), { processors: 1, memoryMiB: 1024 }, 'enough for huge pages');
  t.match(machine('engine: qemu, processors: 4, kernel: ./linux'), { arch: 'i386', processors: 4, memoryMiB: 256 });
  t.match(machine('arch: x86_64'), [/^2:10 .*v86 cannot run x86_64: add `engine: qemu`/]);
  t.match(machine('processors: 2'), [/at most 1 processor: add `engine: qemu`/]);
  t.match(machine('engine: qemu, processors: 2'), [
    /release kernel for i386 uses one processor only: add `arch: x86_64`/,
  ]);
  t.match(machine('engine: qemu, processors: 9'), [/from 1 to 8/]);
  t.match(machine('memory: 1 GiB'), [/v86 has 128 MiB to 768 MiB of RAM, not 1024 MiB/]);
  t.match(machine('engine: qemu, memory: 4 GiB'), [/RAM from '128 MiB' to '3 GiB'/]);
  t.match(machine('engine: qemu, share: empty'), [/qemu cannot have a `share`/]);
  t.match(machine('engine: qemu, needs: [deterministic, ownTime]'), [/qemu does not repeat a run bit by bit, which/]);
  t.match(machine('diskBus: nvme'), [/v86 cannot have nvme disks: add `engine: qemu`/]);
  t.match(machine('engine: qemu, diskBus: ahci'), [/for i386 has no driver for ahci disks: add `arch: x86_64`/]);
  t.match(machine('engine: qemu, arch: x86_64, diskBus: scsi'), [/virtio-scsi/]);
  t.match(machine('engine: qemu, arch: x86_64, processors: 4, nodes: 2, memory: 1 GiB, highMemory: 512 MiB'), {
    processors: 4,
    nodes: 2,
    memoryMiB: 1024,
    highMemoryMiB: 512,
  });
  t.match(machine('nodes: 2'), [/v86 has one NUMA node: add `engine: qemu`/]);
  t.match(machine('engine: qemu, arch: x86_64, nodes: 2'), [/each of 2 NUMA nodes needs a processor/]);
  t.match(machine('engine: qemu, arch: x86_64, processors: 4, nodes: 3'), [/1024 MiB .* into 3 equal parts/]);
  t.match(machine('highMemory: 128 MiB'), [/no RAM above 4 GiB: add `engine: qemu`/]);
  t.match(machine('engine: qemu, arch: x86_64, highMemory: 1 GiB'), [/of 1024 MiB .* at most 896 MiB can lie above/]);
  t.match(machine('engine: bochs'), [/v86.*qemu/]);
  t.match(machine('arch: arm64'), [/i386.*x86_64/]);
  t.end();
});

t.test('somebody may ask for another machine than that of the scenario', (t) => {
  const machine = (fields: string, overrides: MachineOverrides): unknown => {
    const read = readScenario(`name: x\nmachine: { ${fields} }\nsteps: [boot]\n`, 'x.yaml', overrides);
    return 'issues' in read ? read.issues.map(({ line, message }) => `${line}: ${message}`) : read.scenario.machine;
  };
  const two = { engine: 'qemu', processors: 2 } as const;
  t.match(machine('freezeOrder: filesystems-first', {}), { freezeOrder: 'filesystems-first' });
  t.match(machine('seed: 3', two), { engine: 'qemu', arch: 'x86_64', processors: 2, memoryMiB: 1024, seed: 3 });
  t.match(machine('memory: 128 MiB', two), { memoryMiB: 144 }, 'the kernel for x86_64 needs more');
  t.match(machine('memory: 128 MiB', { ...two, memoryMiB: 640 }), { memoryMiB: 640 });
  t.match(machine('engine: qemu, arch: x86_64, memory: 256 MiB', { processors: 4 }), {
    processors: 4,
    memoryMiB: 256,
  });
  t.match(machine('memory: 128 MiB', { engine: 'qemu', arch: 'i386' }), { arch: 'i386', memoryMiB: 128 });
  t.match(machine('arch: i386, engine: qemu', { engine: 'qemu' }), { arch: 'i386' }, 'it names one');
  t.match(machine('engine: qemu', { engine: 'v86' }), { engine: 'v86', arch: 'i386', memoryMiB: 256 });
  t.match(machine('memory: 256 MiB', { processors: 2 }), [/^2: .*at most 1 processor/]);
  t.match(machine('share: empty', two), [/^2: .*qemu cannot have a `share`/]);
  t.match(machine('needs: [ownTime]', two), [/^2: .*qemu has no time of its own, which the scenario needs/]);
  const cut = 'name: x\nsteps:\n  - boot\n  - suspend: { faults: [{ cutPower: { instruction: 5 } }] }\n';
  t.match(readScenario(cut, 'x.yaml', two), { issues: [{ line: 4, message: /qemu does not count instructions/ }] });
  t.end();
});

t.test('an engine that does not count instructions cannot cut power at a count of them', (t) => {
  const scenario = (engine: string, suspend: string): string =>
    `name: x\nmachine: { engine: ${engine} }\nsteps:\n  - boot\n  - ${suspend}\n`;
  const cut = 'suspend: { faults: [{ cutPower: { instruction: 5 } }] }';
  t.same(issuesOf(scenario('v86', cut)), []);
  t.match(issuesOf(scenario('qemu', cut)), [
    /^5:.*qemu does not count instructions: cut power at a `marker` or a `write`/,
  ]);
  t.match(issuesOf(scenario('qemu', `repeat: { times: 2, steps: [{ ${cut} }, boot] }`)), [/^5:.*does not count/]);
  t.same(issuesOf(scenario('qemu', 'suspend: { faults: [{ cutPower: { write: 5 } }] }')), []);
  t.end();
});

t.test('a share is a folder of the host, or empty', (t) => {
  const share = (value: string): unknown => {
    const read = readScenario(`name: x\nmachine: { share: ${value} }\nsteps: [boot]\n`, 'x.yaml');
    return 'issues' in read ? read.issues.length : read.scenario.machine.share;
  };
  t.same(['./folder', '/abs', 'empty', 'folder', '3'].map(share), ['./folder', '/abs', 'empty', 1, 1]);
  t.match(issuesOf('name: x\nmachine: { share: folder }\nsteps: [boot]\n'), [
    /2:19 'empty', or the path of a folder, like .\/folder, is wanted here, not 'folder'/,
  ]);
  t.end();
});

t.test('a machine that takes snapshots is told where their images are', (t) => {
  const cmdline = (method: string): readonly string[] | undefined => {
    const read = readScenario(
      `name: x\nmachine: { cmdline: quiet }\nsteps: [boot, { repeat: { times: 2, steps: [{ suspend: ${method} }, resume] } }]\n`,
      'x.yaml',
    );
    return 'issues' in read ? undefined : read.scenario.machine.cmdline;
  };
  t.same(cmdline('{ method: swsusp }'), ['quiet']);
  for (const suspend of ['{ method: sys_snapshot }', '{ offTime: 1 h }', '{}', ''])
    t.same(cmdline(suspend), ['quiet', 'rig.image=/dev/sdb3:/snapshot'], suspend);
  t.end();
});

/** What a suspend by snapshot(2) with these keys is read as, under one of them; or what is wrong with it. */
function snapshotKey(said: string, key: string): unknown {
  const read = readScenario(`name: x\nsteps: [boot, { suspend: { method: sys_snapshot${said} } }]\n`, 'x.yaml');
  return 'issues' in read ? read.issues : (read.scenario.steps[1] as Readonly<Record<string, unknown>>)[key];
}

t.test('how a live timeline saves its image', (t) => {
  const keepOf = (said: string): unknown => snapshotKey(said, 'keep');
  t.equal(keepOf(', keep: false'), undefined);
  t.equal(keepOf(', keep: true'), true);
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { method: swsusp, keep: true } }]\n'), [
    /swsusp cannot `keep` an image: leave out `method: swsusp`/,
  ]);
  const compressOf = (said: string): unknown => snapshotKey(said, 'compress');
  t.equal(compressOf(''), undefined);
  t.equal(compressOf(', compress: true'), undefined);
  t.equal(compressOf(', compress: false'), false);
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { method: swsusp, compress: false } }]\n'), [
    /swsusp has no `compress`: leave out `method: swsusp`/,
  ]);
  t.end();
});

t.test('where a live timeline keeps its changes', (t) => {
  const storeOf = (said: string): unknown => snapshotKey(said, 'store');
  t.equal(storeOf(''), undefined);
  t.equal(storeOf(', store: sdb1'), undefined);
  t.equal(storeOf(', store: memory'), 'memory');
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { swap: /swapfile } }]\n'), [
    /sys_snapshot saves no image in `swap`: add `method: swsusp`/,
  ]);
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { method: swsusp, swap: swapfile } }]\n'), [
    /an absolute path in the guest/,
  ]);
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { method: swsusp, store: memory } }]\n'), [
    /swsusp has no `store`: leave out `method: swsusp`/,
  ]);
  t.end();
});

t.test('a suspend that must be refused', (t) => {
  const suspend = (said: string): unknown => {
    const read = readScenario(`name: x\nsteps:\n  - boot\n  - suspend: { ${said} }\n  - run: ls\n`, 'x.yaml');
    return 'issues' in read ? read.issues.map(({ line, message }) => `${line} ${message}`) : read.scenario.steps[1];
  };
  t.match(suspend("timeout: 2 min, expect: { refused: 'busy', errno: EBUSY }"), {
    timeoutMs: 120_000,
    refusal: { refused: 'busy', errno: 'EBUSY' },
  });
  t.match(suspend("expect: { refused: 'busy', errno: EBUSSY }"), [
    /^4 the name of an error number, such as 'EBUSY', \(did you mean 'EBUSY'\?\) is wanted here, not 'EBUSSY'/,
  ]);
  t.match(suspend("expect: { refused: 'busy', errno: 16 }"), [/the name of an error number.*not the number 16/]);
  t.match(suspend("expect: { refused: '(' }"), [/^4 .*[Uu]nterminated group/]);
  t.match(suspend('expect: { errno: EBUSY }'), [/'refused' is missing/]);
  t.match(suspend("expect: { refusd: 'busy' }"), [/did you mean 'refused'/, /'refused' is missing/]);
  t.match(suspend('method: sys_snapshot, whileSaving: [ls], expect: { refused: busy }'), [/no live timeline/]);
  t.match(suspend('method: sys_snapshot, then: rollback, offTime: 1 h'), { then: 'rollback', offMs: 0 });
  t.match(suspend('method: sys_snapshot, then: powerOff'), { then: undefined });
  t.match(suspend('method: swsusp, then: rollback'), [/^4 swsusp has no live timeline to roll back/]);
  t.match(suspend('method: sys_snapshot, then: rollback, whileSaving: [ls]'), [/saves no image: move the commands/]);
  t.match(suspend('method: sys_snapshot, then: rollback, faults: [{ alterSector: { sector: 5 } }]'), [/is never off/]);
  t.match(suspend('then: rollback, mayWrite: [sdb4, sda]'), { mayWrite: ['sdb4', 'sda'] });
  t.match(suspend('then: rollback, mayWrite: [/dev/sdb4]'), [/a volume of a disk, like 'sdb4', is wanted/]);
  t.match(suspend('method: swsusp, mayWrite: [sdb4]'), [/swsusp has no live timeline for `mayWrite`/]);
  t.match(suspend('method: sys_snapshot, then: commit, offTime: 1 h'), { then: 'commit', offMs: 0 });
  t.match(suspend('method: swsusp, then: commit'), [/^4 swsusp has no live timeline to commit/]);
  t.match(suspend('then: commit, faults: [{ alterSector: { sector: 5 } }]'), [/is committed is never off/]);
  t.match(suspend('method: sys_snapshot, then: keep'), [/one of powerOff, rollback, commit is wanted/]);
  t.match(suspend("then: rollback, command: 'snapctl suspend sdb3'"), { command: 'snapctl suspend sdb3' });
  t.match(suspend('method: swsusp, command: ls'), [/^4 swsusp is not begun by a `command`/]);
  t.match(suspend('command: ls, whileSaving: [ls]'), [/begin what is to run in it by a `start` step before/]);
  t.match(suspend('command: ls, compress: false'), [/decides about compression/]);
  t.match(suspend('command: ls, then: commit'), [/make it a `run` step/]);
  t.match(suspend('faults: [{ cutPower: { write: 1 } }], expect: { refused: busy }'), [/is never off/]);
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { expect: { refused: busy } } }, resume]\n'), [
    /cannot resume here: nothing is suspended/,
  ]);
  t.end();
});

t.test('what has bounds is refused at its place, with the bound', (t) => {
  const step = (said: string): unknown => issuesOf(`name: x\nsteps:\n  - boot\n  - ${said}\n`);
  const timeout =
    /^4:\d+ a duration such as '5 s', from '1 ms' to '7 d' \(ms, s, min, h, d\), is wanted here, not '0 s'/;
  t.match(step('run: { command: ls, timeout: 0 s }'), [timeout]);
  t.match(step('suspend: { timeout: 0 s }'), [timeout]);
  t.match(step('shutdown: { timeout: 0 s }'), [timeout]);
  t.match(step('suspend: { offTime: 36500 d }'), [/from '0 s' to '3650 d'.*not '36500 d'/]);
  t.match(step("run: ''"), [/^4:10 a command is wanted here, not ''/]);
  t.match(step("start: { name: '', command: ls }"), [/a name is wanted here, not ''/]);
  t.match(step("run: { command: ls, stdout: '' }"), [/an empty pattern matches everything: write '\^\$'/]);
  t.match(issuesOf("name: ' '\nsteps: [boot]\n"), [/^1:7 a name is wanted here/]);
  t.match(issuesOf("name: x\ndisks: ['']\nsteps: [boot]\n"), [/the name of a recipe.*not ''/]);
  t.match(issuesOf("name: x\nfiles: [{ from: '', to: /x }]\nsteps: [boot]\n"), [
    /a path of the host is wanted here, not ''/,
  ]);
  t.end();
});

t.test('a scenario has a bounded number of steps, however they are folded', (t) => {
  const nested = (times: readonly number[], inner = '[run: ls]'): string =>
    times.reduceRight((steps, count) => `[repeat: { times: ${count}, steps: ${steps} }]`, inner);
  const issues = (steps: string): string[] =>
    issuesOf(`name: x\nsteps:\n  - boot\n  - repeat: { times: 1, steps: ${steps} }\n`);
  const beganMs = performance.now();
  t.match(issues(nested([10_000, 10_000, 10_000])), [
    /^4:82 10,000 times 10,000 steps are 100,000,000; a scenario may have 100,000 steps with each `repeat` written out/,
  ]);
  t.match(issues(nested([100_000 / 10_000, 10_000])), [], 'no more than it may have');
  t.match(issuesOf(`name: x\nsteps:\n  - boot\n  - repeat: { times: 10, steps: ${nested([10_000])} }\n`), [
    /^4:\d+ 10 times 10,000 steps, and 1 before them, are 100,001/,
  ]);
  t.match(issues(nested(Array.from({ length: 40 }, () => 2))), [/2 times 65,536 steps are 131,072/]);
  t.match(
    issues(
      nested(
        Array.from({ length: 40 }, () => 10_000),
        '[suspend: { method: sys_snapshot }, resume]',
      ),
    ),
    [/are 200,000,000/],
  );
  t.ok(performance.now() - beganMs < 5000, 'found without writing them out');
  t.end();
});

t.test('the clock of a machine has an end', (t) => {
  const steps = (times: number, wallClock: string): string[] =>
    issuesOf(
      `name: x\nmachine: { wallClock: '${wallClock}' }\nsteps:\n  - boot\n  - repeat: { times: ${times}, steps: [{ suspend: { offTime: 3650 d } }, resume] }\n`,
    );
  t.same(steps(4, '2026-01-01T00:00:00Z'), []);
  t.match(steps(5, '2026-01-01T00:00:00Z'), [/^5:5 with this off-time the machine's clock passes the end of 2069/]);
  t.match(steps(1, '2070-01-01T00:00:00Z'), [/^2:23 a time from 1970 to 2069 such as/]);
  t.match(steps(1, '1969-01-01T00:00:00Z'), [/^2:23 a time from 1970 to 2069 such as/]);
  t.end();
});

t.test('what a console may show', (t) => {
  const read = readScenario("name: x\nconsole: { expect: ['a+'], allow: [b] }\nsteps: [boot]\n", 'x.yaml');
  t.same('scenario' in read && read.scenario.console, { expect: ['a+'], allow: ['b'] });
  t.match(issuesOf("name: x\nconsole:\n  allow:\n    - fine\n    - 'a('\nsteps: [boot]\n"), [
    /^5:7 .*[Uu]nterminated group/,
  ]);
  t.match(issuesOf('name: x\nconsole: { alow: [a] }\nsteps: [boot]\n'), [
    /^2:12 unknown key 'alow': did you mean 'allow'\?/,
  ]);
  t.match(issuesOf('name: x\nconsole: {}\nsteps: [boot]\n'), [/one of expect or allow must have a pattern/]);
  t.match(issuesOf('name: x\nconsole: [a]\nsteps: [boot]\n'), [/a mapping is wanted here, not a list/]);
  t.end();
});

t.test('everything wrong is named at its place', (t) => {
  t.same(
    issuesOf('name: x\nmachine: { memory: 64 MiB, sed: 3 }\nsteps:\n  - boot\n  - resum\n  - start: { comand: x }\n'),
    [
      "2:28 unknown key 'sed': did you mean 'seed'?",
      "2:20 RAM from '128 MiB' to '3 GiB' is wanted here, not '64 MiB'",
      "5:5 unknown key 'resum': did you mean 'resume'?",
      "6:14 unknown key 'comand': did you mean 'command'?",
      "6:12 'command' is missing (a command)",
    ],
  );
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { faults: [{ cutPower: { marker: "cpy:begin" } }] } }]\n'), [
    /did you mean 'copy:begin'/,
  ]);
  t.match(issuesOf('name: x\nsteps: [boot, { suspend: { faults: [{ cutPower: { write: 1, instruction: 2 } }] } }]\n'), [
    /exactly one of marker, instruction, write and writeTo/,
  ]);
  t.match(issuesOf('name: x\nsteps: [boot, shutdown, { boot: { faults: [{ alterSector: { sector: 1 } }] } }]\n'), [
    /is a fault of the `suspend` before it/,
  ]);
  t.match(
    issuesOf('name: x\nsteps: [boot, shutdown, { boot: { stops: a, faults: [{ cutPower: { write: 1 } }] } }]\n'),
    [/give one of `stops` and `cutPower`/],
  );
  t.match(issuesOf('name: x\nsteps: [{ repeat: { times: 1, steps: [{ boot: { stops: a } }] } }]\n'), [
    /the first boot prepares the machine/,
  ]);
  t.match(
    issuesOf(
      'name: x\nmachine: { engine: qemu, arch: x86_64 }\nsteps: [boot, shutdown, { boot: { faults: [{ failDisk: { disk: 1 } }] } }]\n',
    ),
    [/a disk fails from a `marker` or a `write` on: give one/],
  );
  t.match(
    issuesOf(
      'name: x\nmachine: { engine: qemu, arch: x86_64 }\nsteps:\n  - boot\n  - repeat:\n      times: 2\n      steps: [shutdown, { boot: { faults: [{ failDisk: { disk: 1 } }] } }, shutdown, boot]\n',
    ),
    [/^7:.*a disk fails from a `marker` or a `write` on: give one/],
    'within a repeat, too',
  );
  t.match(issuesOf("name: x\nsteps: [boot, { run: { command: ls, stdout: '(' } }]\n"), [/regular expression/i]);
  t.match(issuesOf('name: x\nfiles: [{ from: a, to: relative }]\nsteps: [boot]\n'), [/an absolute path in the guest/]);
  t.match(issuesOf("name: x\nfiles: [{ from: a, to: /b, mode: '999' }]\nsteps: [boot]\n"), [/permission bits/]);
  t.match(issuesOf("name: x\nmachine: { wallClock: '2026-13-01T00:00:00Z' }\nsteps: [boot]\n"), [
    /a time from 1970 to 2069 such as/,
  ]);
  t.match(issuesOf('name: x\nsteps: []\n'), [/at least 1/]);
  t.end();
});

t.test('steps that cannot follow each other are refused where they stand', (t) => {
  t.same(
    issuesOf('name: x\nsteps:\n  - run: ls\n  - boot\n  - resume\n  - repeat: { times: 3, steps: [boot, shutdown] }\n'),
    [
      '3:5 cannot run here: the machine is off; boot it first',
      '5:5 cannot resume here: nothing is suspended; put `suspend` before it',
      '6:33 cannot boot here: the machine is running; shut it down or cut its power first',
    ],
  );
  t.end();
});

t.test('faults become plain data', (t) => {
  const read = readScenario(
    `name: x
steps:
  - boot
  - suspend: { faults: [{ cutPower: { write: 7, disk: 1, sectors: 3 } }, { alterSector: { disk: 0, sector: 9 } }] }
  - boot
  - suspend
  - resume: { faults: [{ flipMemory: { marker: 'restore:end', symbol: linux_banner, xor: 4 } }] }
  - suspend:
      expect: { refused: error }
      faults:
        - failDisk: { marker: 'copy:end', requests: writes, sectors: { first: 8, count: 2 }, times: 1 }
        - failDisk: { write: 5, disk: 0 }
`,
    'x.yaml',
  );
  if ('issues' in read) throw new Error(renderIssues(read.issues));
  const { steps } = read.scenario;
  t.match(steps[1], {
    faults: [
      { fault: 'cutPower', at: { disk: 1, write: 7, sectors: 3 } },
      { fault: 'alterSector', disk: 0, sector: 9, xor: 1 },
    ],
  });
  t.match(steps[4], {
    faults: [{ fault: 'flipMemory', at: { marker: 0x1011, nth: 1 }, where: 'linux_banner', xor: 4 }],
  });
  t.match(steps[5], {
    faults: [
      {
        fault: 'failDisk',
        at: { marker: 0x100f, nth: 1 },
        disk: 1,
        failure: { requests: 'writes', sectors: { first: 8, count: 2 }, times: 1 },
      },
      { fault: 'failDisk', at: { write: 5 }, disk: 0, failure: { requests: 'all' } },
    ],
  });
  t.end();
});

t.test('the scenarios of this repository can be read', (t) => {
  const dir = 'test/scenarios';
  for (const file of readdirSync(dir).filter((name) => name.endsWith('.yaml'))) {
    const read = readScenario(readFileSync(`${dir}/${file}`, 'utf8'), file);
    t.notOk('issues' in read && read.issues.map(({ message }) => message), file);
  }
  t.end();
});
