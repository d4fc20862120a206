// SPDX-License-Identifier: MIT
/** The driver, against a guest of a few lines. */
import t from 'tap';
import { bootStates, type Booter, type BootStates, type ByteCache } from '../../../emulator/cycle/boot.js';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import type { Collected, EvidenceDeps, EvidenceListeners } from '../../../emulator/cycle/evidence.js';
import { DEFAULT_MACHINE, type CommandStep, type Plan, type Step } from '../../../emulator/cycle/plan.js';
import type { Proofs, ResumeEvidence } from '../../../emulator/cycle/proofs.js';
import { runPlan, type RunDeps } from '../../../emulator/cycle/run.js';
import type { FaultSeen } from '../../../emulator/cycle/steps/context.js';
import type { Fault, FaultTime } from '../../../emulator/faults/fault.js';
import type { Engine, Machine } from '../../../emulator/machine/contract.js';
import { GuestError, RigError, StallError } from '../../../emulator/machine/errors.js';
import { stepBegin, stepEnd, USER_MARKERS } from '../../../emulator/machine/markers.js';
import { gpa, sector } from '../../../emulator/machine/units.js';
import { nodeMatcher } from '../../../emulator/host/node/matcher.js';
import { sha256Hex } from '../../../emulator/host/node/sha256.js';
import { faultFindings } from '../../../emulator/verify/proofs.js';
import { fakeConfig, fakeSystem, type FakeSystem } from './fake-system.js';

const SUSPEND: Step = { do: 'suspend', method: 'swsusp', offMs: 3_600_000, whileSaving: [], faults: [] };
const RESUME: Step = { do: 'resume', faults: [] };
const VERIFY: Step = { do: 'verify', proofs: ['memory', 'image', 'disk', 'filesystems'] };
const CYCLE: readonly Step[] = [SUSPEND, RESUME, VERIFY];
const KTAP = 'KTAP version 1\n1..2\nok 1 pipes\nok 2 timers\n';

/** The self-checks' answer, on the machine that was off for an hour and on the one that was not. */
const selfChecks = (stdout: string, exit = 0): NonNullable<FakeSystem['commands']> => ({
  'selfcheck verify --off-ms 3600000 --tolerance-ms 2000': { stdout, exit },
  'selfcheck verify --off-ms 0 --tolerance-ms 2000': { stdout, exit },
});

function memoryCache(): ByteCache & { readonly entries: Map<string, Uint8Array> } {
  const entries = new Map<string, Uint8Array>();
  return {
    entries,
    get: (key) => Promise.resolve(entries.get(key)),
    put: (key, bytes) => Promise.resolve(void entries.set(key, bytes)),
  };
}

/** Proofs that keep what they are shown, and find what they are told to. */
function watchingProofs(seen: ResumeEvidence[]): Proofs {
  const proven = <T>(outcome: T) => Promise.resolve({ outcome, findings: [] });
  return {
    memory: (evidence) => {
      seen.push(evidence);
      return proven({ pagesCompared: 1, pagesDiffering: 0, pagesByReason: {} });
    },
    image: () => proven({ bytes: 512, pagesCompared: 1, pagesDiffering: 0 }),
    disk: () => proven({ sectorsCompared: 8, sectorsDiffering: 0, originSectorsWritten: 0 }),
    filesystems: (_, at) => proven([{ at, device: 'sda', filesystem: 'ext4', clean: true }]),
    console: faultFindings,
    addressOf: () => gpa(0x2000),
  };
}

function run(
  steps: readonly Step[],
  over: {
    system?: FakeSystem;
    control?: boolean;
    cache?: ByteCache;
    engine?: Engine;
    seen?: ResumeEvidence[];
    files?: Plan['files'];
    console?: Plan['console'];
    proofs?: Partial<Proofs>;
    listeners?: EvidenceDeps;
    pause?: NonNullable<RunDeps['pause']>;
    onFault?: NonNullable<RunDeps['onFault']>;
    onMachine?: NonNullable<RunDeps['onMachine']>;
    onWritten?: NonNullable<Booter['onWritten']>;
    states?: BootStates;
  } = {},
) {
  const plan: Plan = {
    name: 'test',
    machine: DEFAULT_MACHINE,
    files: over.files ?? [],
    steps,
    ...(over.console && { console: over.console }),
    control: over.control ?? false,
  };
  return runPlan(plan, {
    booter: {
      engine: over.engine ?? fakeSystem(over.system ?? {}),
      config: fakeConfig,
      configKey: 'key',
      cache: over.cache ?? memoryCache(),
      ...(over.onWritten && { onWritten: over.onWritten }),
    },
    ...over.listeners,
    ...(over.pause && { pause: over.pause }),
    ...(over.onFault && { onFault: over.onFault }),
    ...(over.onMachine && { onMachine: over.onMachine }),
    ...(over.states && { states: over.states }),
    proofs: { ...watchingProofs(over.seen ?? []), ...over.proofs },
    matcher: nodeMatcher(),
    hash: sha256Hex,
    say: () => undefined,
  });
}

t.test('a whole cycle, and what the proofs are shown', async (t) => {
  const seen: ResumeEvidence[] = [];
  const { main, findings } = await run([{ do: 'boot' }, ...CYCLE, { do: 'shutdown' }], { seen });
  t.same(findings, []);
  t.match(main.cycles, [{ method: 'swsusp', offMs: 3_600_000, image: { bytes: 512 } }]);
  t.ok(
    (main.cycles[0]?.frozen?.instructions ?? 0) >= 700,
    'frozen: from the freeze to power-off and from power-on to the thaw',
  );
  t.same(
    main.filesystems.map(({ at }) => at),
    ['suspend', 'shutdown'],
  );
  const [evidence] = seen;
  t.equal(evidence?.atCopy?.memory[0x1000], 0xaa, 'RAM at the atomic copy');
  t.equal(evidence?.writesSinceCopy[1]?.length, 2);
  t.equal(evidence?.writesByResume[1]?.length, 1, 'the resuming kernel took the signature away');
  t.equal(evidence?.disks[0]?.overlay.length, 1, 'what the boot wrote before the checkpoint is not lost');
});

const SNAPSHOT: Step = {
  do: 'suspend',
  method: 'sys_snapshot',
  offMs: 1000,
  beforeSaving: [{ command: 'spoil', exit: 0, timeoutMs: 1000 }],
  whileSaving: [{ command: 'rewrite', exit: 0, timeoutMs: 1000 }],
  faults: [],
};

t.test('a machine that stalls is a finding that says where, beside those that were there before', async (t) => {
  const steps: readonly Step[] = [
    { do: 'boot' },
    { do: 'selfcheck', phase: 'verify' },
    { do: 'run', command: 'spin', exit: 0, timeoutMs: 1000 },
    { do: 'shutdown' },
  ];
  const engine = fakeSystem({ commands: selfChecks('KTAP version 1\n1..1\nnot ok 1 pipes\n', 1) });
  const stalls = (machine: Machine): Machine => {
    let stalled: StallError | undefined;
    return {
      ...machine,
      run(request) {
        const sent = (request.send ?? []).map(({ bytes }) => new TextDecoder().decode(bytes)).join('');
        if (!sent.includes('spin')) return machine.run(request);
        return Promise.reject((stalled = new StallError(60_000, undefined)));
      },
      stateHash: () => (stalled ? Promise.reject(stalled) : machine.stateHash()),
    };
  };
  const { findings, main } = await run(steps, {
    engine: { ...engine, restore: async (...given) => stalls(await engine.restore(...given)) },
  });
  t.match(findings, [
    { kind: 'selfCheck', what: 'self-check pipes failed' },
    {
      kind: 'guest',
      what: /^machine 1, in the step 'run spin': the machine has not moved at all for 60 s of real time; its last marker is agentReady, at instruction \d+$/,
    },
  ]);
  t.match(main.stateHash, /^[0-9a-f]{64}$/);
});

t.test('a machine that lives on after its snapshot', async (t) => {
  const seen: ResumeEvidence[] = [];
  const { main, findings } = await run([{ do: 'boot' }, SNAPSHOT, RESUME, VERIFY, { do: 'shutdown' }], {
    seen,
    system: { commands: { spoil: {}, rewrite: {} } },
  });
  t.same(findings, []);
  t.match(main.commands, [
    { command: 'spoil', exitCode: 0 },
    { command: 'rewrite', exitCode: 0 },
  ]);
  t.match(main.cycles, [{ method: 'sys_snapshot', offMs: 1000 }]);
  const [evidence] = seen;
  const at = (kind: number): number => evidence?.markers.find((marker) => marker.kind === kind)?.instruction ?? NaN;
  t.equal(
    main.cycles[0]?.frozen?.instructions,
    at(stepEnd('thawTasks')) - at(stepBegin('freezeTasks')),
    'frozen: to the thaw in the live timeline, the time off does not count',
  );
  t.match(evidence, { method: 'sys_snapshot', stores: ['sdb1', 'sdb3'] });
  t.equal(evidence?.atCopy?.memory[0x1000], 0xbb, 'RAM at the copy, not what the live timeline made of it');
  t.same(
    evidence?.writesWhileFrozen[1]?.map(({ sector }) => sector),
    [sector(2)],
    'not what a device is synced for when filesystems have been frozen',
  );
  t.equal(evidence?.writesSinceCopy[1]?.length, 1);
  t.equal(evidence?.writesByResume[1]?.length, 1);
});

t.test('a run that pauses before each part is the same run', async (t) => {
  const steps: readonly Step[] = [{ do: 'boot' }, SNAPSHOT, RESUME, VERIFY, { do: 'shutdown' }];
  const system = { commands: { spoil: {}, rewrite: {} } };
  const parts = [
    '0.0 boot',
    '1.0 suspend (sys_snapshot)',
    '1.1 run spoil',
    '1.2 save the image',
    '1.3 run rewrite',
    '1.4 power off',
    '2.0 resume in a new machine',
    '3.0 verify',
    '4.0 shut down',
    '5.0 the end of the scenario',
  ];
  const ran: string[] = [];
  const paused: string[] = [];
  const through = await run(steps, {
    system,
    control: true,
    listeners: { onCommand: ({ command }) => ran.push(command) },
    pause: async ({ title, step, part }) => {
      const before = ran.length;
      // Whatever does not wait would have happened by then.
      await new Promise((resolve) => setTimeout(resolve, 5));
      t.equal(ran.length, before, `nothing is run before ${title} may begin`);
      paused.push(`${step}.${part} ${title}`);
    },
  });
  t.same(paused, parts, 'each part of the main run, and none of the control run');
  const { main } = await run(steps, { system, control: true });
  t.equal(through.main.stateHash, main.stateHash);
  t.same(through.findings, []);

  const stopped = run(steps, {
    system,
    pause: ({ title }) => (title === 'power off' ? Promise.reject(new Error('enough')) : Promise.resolve()),
  });
  await t.rejects(stopped, { message: 'enough' }, 'a pause that fails ends the run');
});

t.test('RAM is copied only where a proof will look at it', async (t) => {
  const copies = async (suspend: Step, verify: readonly Step[]): Promise<number> => {
    let count = 0;
    const engine = fakeSystem({ commands: { spoil: {}, rewrite: {} } });
    const counting = (machine: Machine): Machine => ({
      ...machine,
      run: async (request) => {
        const report = await machine.run(request);
        count += report.captures.length;
        return report;
      },
    });
    const counted: Engine = {
      ...engine,
      powerOn: async (config) => counting(await engine.powerOn(config)),
      restore: async (config, checkpoint) => counting(await engine.restore(config, checkpoint)),
    };
    const { main, findings } = await run([{ do: 'boot' }, suspend, RESUME, ...verify, { do: 'shutdown' }], {
      engine: counted,
    });
    t.same(findings, []);
    t.equal(main.cycles.length, verify.length);
    return count;
  };
  for (const suspend of [SUSPEND, SNAPSHOT]) {
    t.equal(await copies(suspend, [VERIFY]), 2, 'at the copy, and in the restored kernel');
    t.equal(
      await copies(suspend, [{ do: 'verify', proofs: ['image'] }]),
      1,
      'the image is compared with the copy alone',
    );
    t.equal(await copies(suspend, [{ do: 'verify', proofs: ['disk', 'filesystems'] }]), 0);
    t.equal(await copies(suspend, []), 0);
  }
});

t.test('a snapshot that comes to nothing', async (t) => {
  const steps: Step[] = [{ do: 'boot' }, SNAPSHOT, RESUME, VERIFY];
  t.match((await run(steps, { system: { refusesSuspend: true } })).findings, [
    { kind: 'guest', what: 'the kernel refused to take a snapshot', details: ['booting', /^PM: /, 'busy'] },
    { kind: 'kernelFault' },
  ]);
  t.match((await run(steps, { system: { savesImage: false, commands: { spoil: {}, rewrite: {} } } })).findings, [
    { kind: 'guest', what: 'the image of the snapshot was not saved', details: ['booting', 'no space'] },
  ]);
  t.match((await run(steps, { system: { commands: { spoil: {}, rewrite: { exit: 3 } } } })).findings, [
    { kind: 'command', what: 'in the live timeline: `rewrite` ended with status 3, not 0' },
  ]);
});

t.test('a live timeline that is rolled back, after one that was resumed from its image', async (t) => {
  const seen: ResumeEvidence[] = [];
  const back: Step = { ...SNAPSHOT, then: 'rollback', whileSaving: [] };
  const { findings, main } = await run([{ do: 'boot' }, SNAPSHOT, RESUME, VERIFY, back, VERIFY, { do: 'shutdown' }], {
    seen,
    system: { commands: { spoil: {}, rewrite: {} } },
  });
  t.same(findings, []);
  t.match(main.cycles, [{ image: { bytes: 512 } }, { rolledBack: true, image: undefined }]);
  t.same(
    seen.map(({ rolledBack }) => rolledBack),
    [undefined, true],
    'its proofs are told that it has read no image',
  );
  t.equal(seen[1]?.restored?.memory[0x1000], 0xbb, 'RAM after the rollback');
});

t.test('a kernel that has to copy memory a second time', async (t) => {
  const seen: ResumeEvidence[] = [];
  const { findings } = await run([{ do: 'boot' }, SNAPSHOT, RESUME, VERIFY], {
    seen,
    system: { copiesTwice: true, commands: { spoil: {}, rewrite: {} } },
  });
  t.same(findings, []);
  t.equal(seen[0]?.atCopy?.memory[0x1000], 0xbb, 'RAM at the second copy');
  t.equal(seen[0]?.writesSinceCopy[1]?.length, 1, 'what was written before it is no concern');
});

t.test('a live timeline that comes to a sudden end', async (t) => {
  const commands = { spoil: { then: [{ do: 'reset' as const }] }, rewrite: {} };
  const { findings } = await run([{ do: 'boot' }, SNAPSHOT, RESUME], { system: { commands } });
  t.match(findings, [{ kind: 'guest', what: 'the machine reset itself (reboot or triple fault) while `spoil` ran' }]);
  const marker = USER_MARKERS.shutdown;
  const cut: Step = { ...SNAPSHOT, faults: [{ fault: 'cutPower', at: { marker, nth: 1 } }] };
  for (const name of ['spoil', 'rewrite']) {
    const system: FakeSystem = {
      commands: { spoil: {}, rewrite: {}, [name]: { then: [{ do: 'marker', kind: marker }] } },
    };
    const { main } = await run([{ do: 'boot' }, cut], { system });
    t.same(main.findings, [], `power that is cut while \`${name}\` runs`);
    t.same(
      main.filesystems.map(({ at }) => at),
      ['powerOff'],
    );
  }
});

t.test('a planned power cut counts as such wherever it comes in a live timeline', async (t) => {
  const commands = { spoil: {}, rewrite: {} };
  const engine = fakeSystem({ commands });
  /** Where each wait of the rig ended, in instructions since power-on. */
  const waits: number[] = [];
  const watched = (machine: Machine): Machine => ({
    ...machine,
    run: async (request) => {
      const report = await machine.run(request);
      waits.push(report.instructions);
      return report;
    },
  });
  await run([{ do: 'boot' }, SNAPSHOT], {
    engine: { ...engine, restore: async (...given) => watched(await engine.restore(...given)) },
  });
  // The last wait ends with the machine off.
  const places = waits.flatMap((end, index) => [
    // Within a wait, and as soon as it has ended, so that only the next wait notices it.
    Math.floor(((waits[index - 1] ?? 0) + end) / 2),
    ...(index < waits.length - 1 ? [end] : []),
  ]);
  t.ok(places.length > 30);
  for (const instruction of places) {
    const cut = { ...SNAPSHOT, faults: [{ fault: 'cutPower', at: { instruction } }] } as Step;
    const { main, findings } = await run([{ do: 'boot' }, cut], { system: { commands } });
    t.same(findings, [], `at instruction ${instruction}`);
    t.match(main.filesystems, [{ at: 'powerOff' }], `at instruction ${instruction}`);
  }
});

t.test('from the cache it is the same run', async (t) => {
  const cache = memoryCache();
  const steps: Step[] = [{ do: 'boot' }, ...CYCLE, { do: 'shutdown' }];
  const first = await run(steps, { cache });
  t.equal(cache.entries.size, 3, 'two stages of the boot, and the state before the suspend');
  const powerOn = () => Promise.reject(new Error('powered on though the cache has its checkpoints'));
  const second = await run(steps, { cache, engine: { ...fakeSystem({}), powerOn } });
  t.equal(second.main.stateHash, first.main.stateHash);
  t.same(second.main.total, first.main.total);
});

t.test('a boot that failed for the host is made anew for the next scenario', async (t) => {
  const states = bootStates();
  const steps: Step[] = [{ do: 'boot' }, ...CYCLE, { do: 'shutdown' }];
  const cache = memoryCache();
  const full = { ...cache, put: () => Promise.reject(new RigError('no space left for a checkpoint')) };
  await t.rejects(run(steps, { states, cache: full }), { message: 'no space left for a checkpoint' });
  t.same((await run(steps, { states, cache })).findings, [], 'the disk has room again');
});

t.test('a boot that failed for the guest is not made again', async (t) => {
  const states = bootStates();
  const engine = fakeSystem({ panics: 'no init' });
  let count = 0;
  const counting: Engine = { ...engine, powerOn: (config) => (count++, engine.powerOn(config)) };
  const fails = async (): Promise<unknown> => (await run([{ do: 'boot' }], { states, engine: counting })).findings[0];
  t.same(await fails(), await fails());
  t.equal(count, 1);
});

t.test('several cycles in a chain', async (t) => {
  const { main, findings } = await run([{ do: 'boot' }, { do: 'repeat', times: 3, steps: CYCLE }, { do: 'shutdown' }]);
  t.same(findings, []);
  t.equal(main.cycles.length, 3);
});

t.test('the control run does the same work unsuspended, and is compared', async (t) => {
  const check: Step = { do: 'selfcheck', phase: 'verify' };
  const system: FakeSystem = { commands: selfChecks(KTAP) };
  const good = await run([{ do: 'boot' }, ...CYCLE, check, { do: 'shutdown' }], { system, control: true });
  t.same(good.findings, []);
  t.equal(good.control?.selfChecks.length, 2);
  t.equal(good.control?.cycles.length, 0);
  const bad = await run([{ do: 'boot' }, ...CYCLE, check], {
    system: { commands: selfChecks(KTAP.replace('ok 2', 'not ok 2'), 1) },
    control: true,
  });
  t.match(bad.findings, [
    { kind: 'selfCheck', what: 'self-check timers failed' },
    { kind: 'control', what: /in the control run: self-check timers failed/ },
  ]);
});

t.test('what machines write is told while they run, but not of the control run', async (t) => {
  const machines = new Map<number, MachineShown>();
  const told: number[] = [];
  await run([{ do: 'boot' }, SNAPSHOT, RESUME, VERIFY, { do: 'shutdown' }], {
    system: { commands: { spoil: {}, rewrite: {} } },
    control: true,
    onMachine: (machine) => machines.set(machine.number, machine),
    onWritten: ({ writes }) => told.push(...writes.flat().map(({ instruction }) => instruction)),
  });
  const written = [...machines.values()].flatMap(({ writes }) => writes.flat().map(({ instruction }) => instruction));
  const inOrder = (of: readonly number[]): readonly number[] => [...of].sort((a, b) => a - b);
  t.ok(written.length > 0);
  t.same(inOrder(told), inOrder(written));
});

t.test('torn output of the self-checks is a finding', async (t) => {
  const { findings } = await run([{ do: 'boot' }, { do: 'selfcheck', phase: 'verify' }], {
    system: { commands: selfChecks('KTAP version 1\n1..2\nok 1 a\n') },
  });
  t.match(findings, [{ kind: 'selfCheck', what: /announces 2 tests and has 1/ }]);
});

t.test('a command that ends otherwise than expected', async (t) => {
  const { findings, main } = await run([
    { do: 'boot' },
    { do: 'run', command: 'nothing', exit: 0, timeoutMs: 1000 },
    { do: 'shutdown' },
  ]);
  t.match(findings, [{ kind: 'command', what: '`nothing` ended with status 127, not 0' }]);
  t.equal(main.commands[0]?.exitCode, 127);
});

const command = (name: string, more: Partial<CommandStep> = {}): Step & { do: 'run' } => ({
  do: 'run',
  command: name,
  exit: 0,
  timeoutMs: 1000,
  ...more,
});

t.test('a command that fails ends the scenario, and what was not run is named', async (t) => {
  const system: FakeSystem = { commands: { good: {}, bad: { stdout: 'oh\n', exit: 3 } } };
  const before = [{ do: 'boot' }, command('bad'), command('good'), ...CYCLE, { do: 'shutdown' }] as const;
  const cache = memoryCache();
  for (const time of ['first', 'again']) {
    const { main, control, findings } = await run(before, { system, cache, control: true });
    t.match(findings, [{ kind: 'command', what: '`bad` ended with status 3, not 0', details: ['oh'] }], time);
    t.equal(findings.length, 1, time);
    t.same(
      main.commands.map((one) => one.command),
      ['bad'],
      time,
    );
    t.same(
      main.stepsNotRun,
      ['run good', 'suspend (swsusp)', 'resume in a new machine', 'verify', 'shut down'].map((step) => ({
        timeline: 'main',
        step,
      })),
      time,
    );
    t.ok(main.total.instructions > 0, 'the machine that it happened in is in the outcome');
    t.equal(control, undefined);
  }
});

t.test('a command that fails ends the control run, too', async (t) => {
  const system: FakeSystem = { commands: { bad: { exit: 3 }, ...selfChecks(KTAP) } };
  const check: Step = { do: 'selfcheck', phase: 'verify' };
  const { main, control, findings } = await run([{ do: 'boot' }, ...CYCLE, command('bad'), check], {
    system,
    control: true,
  });
  t.same(
    findings.map(({ what }) => what),
    ['`bad` ended with status 3, not 0', 'in the control run: `bad` ended with status 3, not 0'],
    'that self-checks were not asked is no finding of its own',
  );
  t.same(main.stepsNotRun, [{ timeline: 'main', step: 'self-checks: verify' }]);
  t.same(control?.stepsNotRun, [{ timeline: 'control', step: 'self-checks: verify' }]);
});

t.test('what was resumed before a command failed is verified', async (t) => {
  const seen: ResumeEvidence[] = [];
  for (const then of [[], [{ do: 'reset' as const }]]) {
    const { main, findings } = await run(
      [{ do: 'boot' }, SUSPEND, RESUME, command('bad'), VERIFY, SUSPEND, RESUME, VERIFY],
      { seen, system: { commands: { bad: { exit: 1, then } } } },
    );
    t.equal(findings.length, 1);
    t.equal(main.cycles.length, 1);
    t.equal(main.cycles[0]?.memory?.pagesCompared, 1);
    t.same(
      main.stepsNotRun.map(({ step }) => step),
      ['suspend (swsusp)', 'resume in a new machine', 'verify'],
    );
  }
  const { main } = await run([{ do: 'boot' }, SUSPEND, RESUME, command('bad'), SUSPEND, RESUME, VERIFY], { seen });
  t.same(main.cycles, [], 'a verify of a suspend that did not come to pass is none of the one before');
});

t.test('with `continue` the scenario goes on, and what was found before the suspend is reported once', async (t) => {
  const { main, control, findings } = await run(
    [{ do: 'boot' }, command('bad', { continue: true }), command('good'), ...CYCLE, { do: 'shutdown' }],
    { system: { commands: { good: {}, bad: { exit: 3 } } }, control: true },
  );
  t.same(
    findings.map(({ what }) => what),
    ['`bad` ended with status 3, not 0'],
  );
  t.same(main.stepsNotRun, []);
  t.equal(main.cycles.length, 1);
  t.match(main.commands, [
    { timeline: 'main', command: 'bad', end: 'exited', exitCode: 3 },
    { timeline: 'main', command: 'good', end: 'exited', exitCode: 0 },
  ]);
  t.same(control?.commands, []);
});

t.test('a command that does not end within its time is killed, and reported with what it printed', async (t) => {
  const steps = [{ do: 'boot' }, command('slow', { continue: true }), command('good'), { do: 'shutdown' }] as const;
  const slow = { stdout: 'so far\n', hangs: true };
  const { main, findings } = await run(steps, { system: { commands: { slow, good: {} } } });
  t.same(findings, [{ kind: 'command', what: '`slow` did not end within 1 s', details: ['so far'] }]);
  t.match(main.commands, [
    { command: 'slow', end: 'timedOut', exitCode: null, stdout: 'so far\n' },
    { command: 'good', end: 'exited', exitCode: 0 },
  ]);
  t.ok((main.commands[0]?.durationVirtualMs ?? 0) >= 1000);
  const stuck = await run(steps, { system: { commands: { slow: { ...slow, hangs: 'immortal' }, good: {} } } });
  t.match(stuck.findings, [
    {
      kind: 'command',
      what: '`slow` did not end within 1 s',
      details: ['so far', /^it did not end when it was killed either/],
    },
  ]);
});

t.test('self-checks that do not end are reported with those that have', async (t) => {
  const verify = 'selfcheck verify --off-ms 0 --tolerance-ms 2000';
  const system: FakeSystem = { commands: { [verify]: { stdout: 'KTAP version 1\n1..2\nok 1 a\n', hangs: true } } };
  const { main, findings } = await run([{ do: 'boot' }, { do: 'selfcheck', phase: 'verify' }], { system });
  t.match(findings, [{ kind: 'selfCheck', what: 'the self-checks did not end within 60 s' }]);
  t.match(main.selfChecks, [{ name: 'a', passed: true }]);
});

t.test('the end of a live timeline does not take with it what was found before', async (t) => {
  const live: Step = {
    ...SNAPSHOT,
    beforeSaving: [command('bad', { continue: true }), command('spoil')],
    whileSaving: [command('rewrite')],
  };
  const bad = { kind: 'command', what: 'in the live timeline: `bad` ended with status 3, not 0', details: ['oh'] };
  const commands = { bad: { exit: 3, stdout: 'oh\n' }, spoil: {}, rewrite: {} };
  const steps: Step[] = [{ do: 'boot' }, live, RESUME, VERIFY];
  const ends: [string, FakeSystem, RegExp][] = [
    ['reset', { commands: { ...commands, spoil: { then: [{ do: 'reset' }] } } }, /the machine reset itself/],
    ['not saved', { commands, savesImage: false }, /the image of the snapshot was not saved/],
  ];
  for (const [name, system, what] of ends) {
    const { findings, main } = await run(steps, { system });
    t.match(findings, [bad, { kind: 'guest', what }], name);
    t.match(main.commands[0], { timeline: 'live', command: 'bad', exitCode: 3, stdout: 'oh\n' }, name);
  }
  const marker = USER_MARKERS.shutdown;
  const cut = await run([{ do: 'boot' }, { ...live, faults: [{ fault: 'cutPower', at: { marker, nth: 1 } }] }], {
    system: { commands: { ...commands, rewrite: { then: [{ do: 'marker', kind: marker }] } } },
  });
  t.same(cut.findings, [bad], 'power cut');
  t.match(cut.main.commands.at(-1), { command: 'rewrite', end: 'machineStopped', exitCode: null });
});

t.test('a command that fails ends the work of its live timeline, not the scenario', async (t) => {
  const live: Step = { ...SNAPSHOT, beforeSaving: [command('bad'), command('spoil')] };
  const { main, findings } = await run([{ do: 'boot' }, live, RESUME, VERIFY, command('good')], {
    system: { commands: { good: {}, spoil: {}, rewrite: {} } },
  });
  t.same(
    findings.map(({ what }) => what),
    ['in the live timeline: `bad` ended with status 127, not 0'],
  );
  t.same(main.stepsNotRun, [
    { timeline: 'live', step: 'run spoil' },
    { timeline: 'live', step: 'run rewrite' },
  ]);
  t.equal(main.cycles.length, 1);
  t.match(main.commands.at(-1), { timeline: 'main', command: 'good', exitCode: 0 });
});

const serve = (more: { exit?: number } = {}): Step => ({ do: 'start', name: 'serve', command: 'serve', ...more });

t.test('a program in the background that ends early is reported once, with its status and its output', async (t) => {
  const steps: Step[] = [{ do: 'boot' }, serve(), ...CYCLE, command('good'), { do: 'shutdown' }];
  const commands = { good: {} };
  const ended = (background: FakeSystem['background'], to = steps) =>
    run(to, { system: { commands, ...(background && { background }) } });
  t.same((await ended(undefined)).findings, [], 'one that runs on is no finding');
  const early = await ended({ ends: 'atOnce', stdout: 'cannot bind\n', exit: 3 });
  t.match(early.findings, [
    {
      kind: 'command',
      what: '`serve`, started in the background, ended with status 3 before the suspend',
      details: ['cannot bind'],
      remedy: /exit: 3/,
    },
  ]);
  t.equal(early.findings.length, 1);
  t.match(early.main.commands, [
    { command: 'serve', background: true, exitCode: 3, stdout: 'cannot bind\n' },
    { command: 'good' },
  ]);
  t.equal(early.main.cycles.length, 1, 'the scenario goes on');
  t.match((await ended({ ends: 'afterResume', stdout: '', exit: 0 })).findings, [
    { what: '`serve`, started in the background, ended with status 0 by the time it was resumed' },
  ]);
  const cause = await ended({ ends: 'atOnce', stdout: 'cannot bind\n', exit: 3 }, [
    { do: 'boot' },
    serve(),
    command('ask'),
    { do: 'shutdown' },
  ]);
  t.match(
    cause.findings,
    [{ what: '`ask` ended with status 127, not 0' }, { what: /^`serve`.* ended with status 3 before the end/ }],
    'it is looked for when a command has failed, too',
  );
});

t.test('a program in the background may end where its step says so', async (t) => {
  const background = { ends: 'atOnce' as const, stdout: 'done\n', exit: 0 };
  const steps = (exit: number): Step[] => [{ do: 'boot' }, serve({ exit }), ...CYCLE, { do: 'shutdown' }];
  const right = await run(steps(0), { system: { background }, control: true });
  t.same(right.findings, []);
  t.match(right.main.commands, [{ command: 'serve', exitCode: 0 }]);
  t.match((await run(steps(5), { system: { background } })).findings, [
    { what: '`serve`, started in the background, ended with status 0, not 5, before the suspend' },
  ]);
  const lost: Step[] = [{ do: 'boot' }, serve(), { do: 'cutPower' }, { do: 'boot' }, { do: 'shutdown' }];
  t.same((await run(lost, {})).findings, [], 'what ended with its machine is no concern of the next one');
});

t.test('a program that fails is reported though another process of its group runs on', async (t) => {
  const steps: Step[] = [{ do: 'boot' }, serve(), ...CYCLE, { do: 'shutdown' }];
  const ended = (background: FakeSystem['background'], to = steps) =>
    run(to, { system: { ...(background && { background }) } });
  const failed = await ended({ ends: 'atOnce', stdout: 'lost\n', exit: 3, helper: 'stays' });
  t.match(failed.findings, [
    {
      kind: 'command',
      what: '`serve`, started in the background, ended with status 3 before the suspend; other processes of its process group still run',
      details: ['lost'],
      remedy: /exit: 3/,
    },
  ]);
  t.equal(failed.findings.length, 1, 'once, also after the resume');
  t.match(failed.main.commands, [
    { command: 'serve', background: true, end: 'exited', exitCode: 3, othersRunning: true, stdout: 'lost\n' },
  ]);
  const [serving] = failed.main.commands;
  t.ok(serving && serving.durationVirtualMs < failed.main.total.virtualMs / 2, 'until its end was seen');
  const killed = await ended({ ends: 'afterResume', stdout: '', signal: 11, helper: 'stays' });
  t.match(killed.findings, [{ what: /^`serve`, .* ended with status 139 by the time it was resumed; other/ }]);

  const left = await ended({ ends: 'atOnce', stdout: 'ready\n', helper: 'stays' });
  t.same(left.findings, [], 'a program may leave its work to a process of its group');
  t.match(left.main.commands, [{ end: 'exited', exitCode: 0, othersRunning: true, stdout: 'ready\n' }]);
  t.match((await ended({ ends: 'atOnce', stdout: '', helper: 'untilResume' })).findings, [
    { what: '`serve`, started in the background, ended with status 0 by the time it was resumed' },
  ]);
  const declared = (exit: number) => [{ do: 'boot' }, serve({ exit }), ...CYCLE, { do: 'shutdown' }] as Step[];
  const right = await ended({ ends: 'atOnce', stdout: '', exit: 3, helper: 'untilResume' }, declared(3));
  t.same(right.findings, []);
  t.match(right.main.commands, [{ end: 'exited', exitCode: 3 }]);
  t.equal(right.main.commands[0]?.othersRunning, undefined, 'no other process ran at the end');
  t.match((await ended({ ends: 'atOnce', stdout: '', helper: 'stays' }, declared(3))).findings, [
    {
      what: '`serve`, started in the background, ended with status 0, not 3, before the suspend; other processes of its process group still run',
    },
  ]);
});

t.test('the output of a program that runs to the end is reported, with its timeline', async (t) => {
  const background = { stdout: 'at work\n', liveStdout: 'alone\n' };
  const still = { command: 'serve', background: true, end: 'running', exitCode: null, stdout: 'at work\n' };
  const commands = { spoil: {}, rewrite: {} };
  const outcomes = async (rest: readonly Step[], system: FakeSystem = {}, control = false) =>
    run([{ do: 'boot' }, serve(), ...rest], { system: { background, commands, ...system }, control });
  for (const last of [[{ do: 'shutdown' }], [{ do: 'cutPower' }], []] as const) {
    const { main, control, findings } = await outcomes([...CYCLE, ...last], {}, true);
    t.same(findings, []);
    t.match(main.commands, [{ ...still, timeline: 'main' }]);
    t.match(control?.commands, [{ ...still, timeline: 'control' }]);
    t.equal(main.commands.length, 1);
  }
  const live = await outcomes([SNAPSHOT, RESUME, VERIFY, { do: 'shutdown' }]);
  t.match(live.main.commands, [
    { command: 'spoil' },
    { command: 'rewrite' },
    { ...still, timeline: 'live', stdout: 'alone\n' },
    { ...still, timeline: 'main' },
  ]);

  const failed = await outcomes([...CYCLE, command('bad'), { do: 'shutdown' }]);
  t.match(failed.findings, [{ what: '`bad` ended with status 127, not 0' }]);
  t.match(failed.main.commands, [{ command: 'bad' }, still], 'when a command ends the scenario');
  const stopped = { ...still, end: 'machineStopped' };
  const hung = await outcomes(CYCLE, { hangsAt: 'suspend' });
  t.match(hung.main.commands, [stopped], 'when the guest fails: as of the last check');
  const cut: Step = { ...SUSPEND, faults: [{ fault: 'cutPower', at: { disk: 1, write: 0, sectors: 0 } }] };
  const rebooted = await outcomes([cut, { do: 'boot' }, serve(), { do: 'shutdown' }]);
  t.same(rebooted.findings, []);
  t.match(rebooted.main.commands, [stopped, still], 'what ended with its machine, and what the next one ran');
});

t.test('a proof that cannot be made keeps no other from being made', async (t) => {
  const proofs: Partial<Proofs> = {
    image: () => Promise.reject(new GuestError('the image is damaged')),
    disk: () =>
      Promise.resolve({
        outcome: { sectorsCompared: 8, sectorsDiffering: 1, originSectorsWritten: 0 },
        findings: [{ kind: 'disk', what: '1 sector differs', details: [] }],
      }),
  };
  const { main, findings } = await run([{ do: 'boot' }, ...CYCLE, command('never')], { proofs });
  t.same(
    findings.map(({ what }) => what),
    ['the image is damaged', '1 sector differs'],
  );
  t.match(main.cycles, [{ memory: { pagesCompared: 1 }, disk: { sectorsDiffering: 1 } }]);
  t.equal(main.cycles[0]?.image, undefined);
  t.same(
    main.stepsNotRun.map(({ step }) => step),
    ['run never'],
  );
});

t.test('a boot that stops because a device is missing is told as such', async (t) => {
  const stopped = 'rig.image=/dev/sdb3: it did not appear within 60000 ms (devices: sda); attach it';
  const told = { what: /the boot stopped: rig\.image=\/dev\/sdb3: .* \(devices: sda\)$/ };
  const booting = await run([{ do: 'boot' }, ...CYCLE], { system: { stopped } });
  t.match(booting.findings, [{ kind: 'guest', ...told }], 'at a boot');
  t.equal(booting.findings[0]?.remedy, 'attach it');
  const good = fakeSystem({});
  const bad = fakeSystem({ stopped });
  let machines = 0;
  const engine: Engine = {
    ...good,
    restore: (...made) => (++machines === 1 ? good : bad).restore(...made),
    powerOn: (...made) => (++machines === 1 ? good : bad).powerOn(...made),
  };
  const resuming = await run([{ do: 'boot' }, ...CYCLE], {
    engine: { ...engine, traits: { ...good.traits, checkpoints: [] } },
  });
  t.match(resuming.findings, [{ kind: 'guest', ...told }], 'at a resume');
});

t.test('a boot may have to stop, or its power be cut', async (t) => {
  const stopped = 'rig.store=/dev/sdb1: the commit there cannot be completed; attach it';
  const good = fakeSystem({});
  const bad = fakeSystem({ stopped });
  /** The machine with this number (from 1) stops. */
  const engineWith = (number: number): Engine => {
    let machines = 0;
    const next = (): Engine => (++machines === number ? bad : good);
    return {
      ...good,
      traits: { ...good.traits, checkpoints: [] },
      restore: (...made) => next().restore(...made),
      powerOn: (...made) => next().powerOn(...made),
    };
  };
  const steps = (step: Step): Step[] => [{ do: 'boot' }, { do: 'cutPower' }, step, { do: 'boot' }, { do: 'shutdown' }];
  const stops = (pattern: string, number: number) =>
    run(steps({ do: 'boot', stops: pattern }), { engine: engineWith(number) });
  t.same((await stops('^init: stopped: .* cannot be completed', 2)).findings, []);
  t.match((await stops('another', 2)).findings, [{ what: 'the boot stopped with no message that matches /another/' }]);
  t.match((await stops('stopped', 0)).findings, [
    { what: /^the boot should have stopped .*, but the system came up$/ },
  ]);
  const cutAt = (marker: number) =>
    run(steps({ do: 'boot', faults: [{ fault: 'cutPower', at: { marker, nth: 1 } }] }), {});
  const cut = await cutAt(USER_MARKERS.bootDecision);
  t.same(cut.findings, []);
  t.same(
    cut.main.filesystems.map(({ at }) => at),
    ['powerOff', 'powerOff', 'shutdown'],
  );
  t.match((await cutAt(USER_MARKERS.mountedOnce)).findings, [{ what: /^the planned power cut did not happen/ }]);
});

t.test('what is wrong with an image is told, though nothing came back from it', async (t) => {
  const alter: Step = { ...SUSPEND, faults: [{ fault: 'alterSector', disk: 1, sector: 0, xor: 0xff }] };
  const image: Proofs['image'] = () =>
    Promise.resolve({
      outcome: { bytes: 512, pagesCompared: 1, pagesDiffering: 1 },
      findings: [{ kind: 'image', what: '1 page differs', details: [] }],
    });
  const { main, findings } = await run([{ do: 'boot' }, alter, RESUME, VERIFY], { proofs: { image } });
  t.match(findings, [
    { kind: 'guest', what: /the machine booted afresh/ },
    { kind: 'image', what: '1 page differs' },
  ]);
  t.match(main.filesystems, [{ at: 'suspend' }]);
  const damaged = await run([{ do: 'boot' }, alter, RESUME, VERIFY], {
    proofs: { image: () => Promise.reject(new GuestError('the image is damaged')) },
  });
  t.match(damaged.findings, [{ what: /the machine booted afresh/ }, { what: 'the image is damaged' }]);
  for (const proof of ['image', 'filesystems'] as const) {
    const told: string[] = [];
    const listeners: EvidenceListeners = { onFinding: ({ what: found }) => void told.push(found) };
    const broken: Partial<Proofs> = { image, [proof]: () => Promise.reject(new RigError('no room for a copy')) };
    await t.rejects(
      run([{ do: 'boot' }, alter, RESUME, VERIFY], { proofs: broken, listeners }),
      { name: 'RigError', message: 'no room for a copy' },
      `a fault of the rig in the proof of the ${proof}`,
    );
    t.match(told[0], /the machine booted afresh/);
    t.equal(told.length, proof === 'image' ? 1 : 2, 'the findings of the other proof are told');
  }
});

t.test('findings and commands are told at once, also those of a run that comes to no verdict', async (t) => {
  const told: string[] = [];
  const listeners: EvidenceListeners = {
    onFinding: ({ kind, what }) => void told.push(`${kind}: ${what}`),
    onCommand: ({ timeline, command: ran }) => void told.push(`${timeline}: ${ran}`),
  };
  const steps = [{ do: 'boot' }, command('early', { continue: true }), ...CYCLE, command('late'), VERIFY] as const;
  const proofs: Partial<Proofs> = { memory: () => Promise.reject(new RigError('the host is out of memory')) };
  const cache = memoryCache();
  for (const time of ['first', 'from the cache']) {
    told.length = 0;
    await t.rejects(run(steps, { listeners, proofs, cache }), { message: 'the host is out of memory' });
    t.same(told, ['main: early', 'command: `early` ended with status 127, not 0'], time);
  }
  told.length = 0;
  await run([{ do: 'boot' }, ...CYCLE, command('late')], { listeners, control: true });
  t.same(told.toSorted(), [
    'command: `late` ended with status 127, not 0',
    'control: in the control run: `late` ended with status 127, not 0',
    'control: late',
    'main: late',
  ]);
});

t.test('evidence is told while it is collected, after each proof', async (t) => {
  const told: string[] = [];
  let last: Collected | undefined;
  const onEvidence = (soFar: Collected): void => {
    last = soFar;
    const { cycles, filesystems, commands, findings } = soFar;
    const parts = cycles.map(({ memory, image, disk }) =>
      Object.entries({ memory, image, disk }).flatMap(([key, part]) => (part ? [key] : [])),
    );
    told.push([...parts.flat(), `${filesystems.length} ${commands.length} ${findings.length}`].join(' '));
  };
  const steps = [{ do: 'boot' }, command('early', { continue: true }), ...CYCLE] as const;
  const { main } = await run(steps, { listeners: { onEvidence }, control: true });
  t.same(
    told.filter((one, index) => one !== told[index - 1]),
    ['0 1 0', '0 1 1', 'memory 0 1 1', 'memory image 0 1 1', 'memory image disk 0 1 1', 'memory image disk 1 1 1'],
    'nothing of the control run',
  );
  t.same(last?.cycles, main.cycles);
});

t.test('faults that have happened are told, with their machine and its time', async (t) => {
  const told: FaultSeen[] = [];
  const shown = new Map<number, number>();
  const onFault = (fault: FaultSeen): void => void told.push(fault);
  const suspended: Step = {
    ...SUSPEND,
    faults: [
      { fault: 'alterSector', disk: 1, sector: 0, xor: 0xff },
      { fault: 'flipMemory', at: { marker: stepBegin('copy'), nth: 1 }, where: 0x3000, xor: 1 },
    ],
  };
  await run([{ do: 'boot' }, suspended], {
    onFault,
    onMachine: ({ number, virtualMs }) => void shown.set(number, virtualMs),
  });
  t.match(told, [
    { fault: 'alterSector', machine: 1, virtualMs: shown.get(1) },
    { fault: 'flipMemory', machine: 1 },
  ]);
  t.ok((told[1]?.virtualMs ?? Infinity) < (told[0]?.virtualMs ?? 0), 'memory is altered before the machine is off');
});

t.test('a guest that refuses to suspend', async (t) => {
  const { findings } = await run([{ do: 'boot' }, ...CYCLE], { system: { refusesSuspend: true } });
  t.match(findings, [
    { kind: 'guest', what: 'the kernel refused to suspend', details: ['booting', /^PM: /, 'busy'] },
    { kind: 'kernelFault' },
  ]);
});

t.test('a refusal that is expected, after which the scenario goes on', async (t) => {
  const after: Step = { do: 'run', command: 'after', exit: 0, timeoutMs: 1000 };
  const system: FakeSystem = { refusesSuspend: true, commands: { after: {}, spoil: {}, rewrite: {} } };
  for (const suspend of [SUSPEND, SNAPSHOT] as const) {
    const steps = (refused: string, errno?: string): readonly Step[] => [
      { do: 'boot' },
      { ...suspend, refusal: { refused, ...(errno !== undefined && { errno }) } } as Step,
      after,
      { do: 'shutdown' },
    ];
    for (const [refused, errno] of [
      ['^busy$', 'EBUSY'],
      ['Some devices failed'],
      ['^PM: hibernation: ', 'EBUSY'],
    ] as const) {
      const { findings, main, control } = await run(steps(refused, errno), { system, control: true });
      t.same(
        findings.filter(({ kind }) => refused !== '^busy$' || kind !== 'kernelFault'),
        [],
        `/${refused}/ ${errno ?? ''}`,
      );
      t.match(main.commands, [{ command: 'after', exitCode: 0 }]);
      t.equal(main.cycles.length, 0);
      t.match(control?.commands, [{ command: 'after' }]);
    }
    t.match((await run(steps('^busy$', 'ENOSPC'), { system })).findings, [
      { kind: 'guest', what: 'the suspend was refused with EBUSY, not ENOSPC' },
      { kind: 'kernelFault' },
    ]);
    t.match((await run(steps('full', 'EBUSY'), { system })).findings, [
      {
        kind: 'guest',
        what: 'the suspend was refused with no message that matches /full/',
        details: [/booting/, /^PM: /, 'busy'],
      },
      { kind: 'kernelFault' },
    ]);
    const suspended = await run(steps('busy'), { system: { ...system, refusesSuspend: false } });
    t.match(suspended.findings, [
      { kind: 'guest', what: 'the suspend should have been refused (/busy/), but the machine suspended' },
    ]);
    t.same(
      suspended.main.commands.filter(({ command }) => command === 'after'),
      [],
      'the steps after it are not done',
    );
  }
  const late = await run(
    [
      { do: 'boot' },
      { ...SNAPSHOT, refusal: { refused: 'no memory', errno: 'ENOMEM' } } as Step,
      after,
      { do: 'shutdown' },
    ],
    { system: { ...system, refusesSuspend: false, failsAfterCopy: true } },
  );
  t.same(late.findings, [], 'after the copy');
  const early = async (errno: string) =>
    (
      await run([{ do: 'boot' }, { ...SUSPEND, refusal: { refused: 'space', errno } } as Step], {
        system: { refusesEarly: true },
      })
    ).findings;
  const ignored = await run([{ do: 'boot' }, { ...SUSPEND, refusal: { refused: '' } } as Step], {
    system: { ignoresSuspend: true },
  });
  t.match(
    ignored.findings,
    [{ what: /^the suspending command succeeded, but the machine was not suspended/ }],
    'a command that succeeds has not been refused',
  );
  t.same(await early('ENOSPC'), [], 'before the call has begun: as the command prints it');
  t.match(await early('EBUSY'), [{ what: 'the suspend was refused with ENOSPC, not EBUSY' }]);
  t.match(late.main.commands, [{ command: 'after' }]);
});

t.test('a refusal between a resume and its proof changes nothing of it', async (t) => {
  const seen: ResumeEvidence[] = [];
  const system: FakeSystem = { commands: { after: {} } };
  const refusing: Step = { ...SNAPSHOT, refusal: { refused: 'no memory' } } as Step;
  const { findings, main } = await run([{ do: 'boot' }, SUSPEND, RESUME, refusing, VERIFY, { do: 'shutdown' }], {
    seen,
    system: { ...system, failsAfterCopy: true },
  });
  t.same(findings, []);
  t.equal(main.cycles.length, 1);
  t.ok(seen[0]?.atCopy, 'RAM was copied for the proof that came later');
});

t.test('a suspend, a resume and a shutdown end within their time', async (t) => {
  const slow = { spoil: { then: [{ do: 'sleep' as const, ms: 500 }] }, rewrite: {} };
  const within = async (steps: readonly Step[], system: FakeSystem = {}) => (await run(steps, { system })).findings;
  const hangs: FakeSystem = { hangsAt: 'suspend' };
  t.match(await within([{ do: 'boot' }, { ...SUSPEND, timeoutMs: 700 } as Step], hangs), [
    {
      kind: 'guest',
      what: "the suspend did not end within 0.7 s of the guest's time",
      remedy: /`suspend: \{ timeout: 2 s \}`/,
    },
  ]);
  t.match(await within([{ do: 'boot' }, SUSPEND], hangs), [{ what: /did not end within 300 s/ }]);
  t.match(await within([{ do: 'boot' }, { ...SNAPSHOT, timeoutMs: 700 } as Step], { ...hangs, commands: slow }), [
    { what: "the suspend did not end within 0.7 s of the guest's time" },
  ]);
  t.same(
    await within([{ do: 'boot' }, { ...SNAPSHOT, timeoutMs: 400 } as Step, RESUME, { do: 'shutdown' }], {
      commands: slow,
    }),
    [],
    'commands of the live timeline have a time of their own',
  );
  t.match(
    await within([{ do: 'boot' }, SUSPEND, { do: 'resume', faults: [], timeoutMs: 300 }], { hangsAt: 'resume' }),
    [{ what: "the resume did not end within 0.3 s of the guest's time", remedy: /`resume: \{ timeout: 1 s \}`/ }],
  );
  t.match(await within([{ do: 'boot' }, { do: 'shutdown', timeoutMs: 200 }], { hangsAt: 'shutdown' }), [
    { what: "the shutdown did not end within 0.2 s of the guest's time", remedy: /`shutdown: \{/ },
  ]);
});

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

t.test('a kernel that does not boot leaves its evidence', async (t) => {
  const steps: readonly Step[] = [{ do: 'boot' }, ...CYCLE];
  const failing = (panics: string) => run(steps, { system: { panics }, control: true });
  const { main, findings } = await failing('no init');
  t.match(findings[0], {
    kind: 'guest',
    what: /awaited the kernel to start its init, but the machine halted/,
    remedy: /read the last lines of the console/,
  });
  t.match(findings[0]?.details[0], /Kernel panic/);
  t.match(text(main.console), /^Kernel panic - not syncing: no init\n$/);
  t.ok(main.total.instructions > 1000, 'what it ran until then is counted');
  t.ok(main.total.virtualMs > 0);
  t.equal((await failing('no init')).main.stateHash, main.stateHash, 'the same failure ends in the same state');
  t.not((await failing('no root device')).main.stateHash, main.stateHash, 'another failure ends in another');
  t.not(main.stateHash, await sha256Hex([]), 'neither is the state of nothing');
});

t.test('faults that the scenario expects or allows are none', async (t) => {
  const segfault = (name: string): string =>
    `[    1.000000] ${name}[70]: segfault at 0 ip 08048054 sp bffffe30 error 4 in ${name}[54,8048000+1000]\n`;
  const runs = (said: string, console: Plan['console'], live = '') =>
    run([{ do: 'boot' }, { do: 'run', command: 'x', exit: 0, timeoutMs: 1000 }, SNAPSHOT, RESUME, { do: 'shutdown' }], {
      system: {
        commands: {
          x: { then: [{ do: 'console', text: said }] },
          spoil: { then: [{ do: 'console', text: live }] },
          rewrite: {},
        },
      },
      ...(console && { console }),
      control: true,
    });
  const crash = segfault('crash');
  t.match((await runs(crash, undefined)).findings, [
    { kind: 'kernelFault', what: /^segfault: crash/ },
    { kind: 'control', what: /^in the control run: segfault: crash/ },
  ]);
  t.same((await runs(crash, { expect: [], allow: ['^crash\\[\\d+\\]: segfault'] })).findings, []);
  t.same((await runs('', { expect: [], allow: ['^crash'] })).findings, [], 'what is allowed need not come');
  t.same((await runs(crash, { expect: ['crash.*: segfault at 0 ip'], allow: [] })).findings, []);
  t.match((await runs(crash + segfault('victim'), { expect: ['crash'], allow: ['other'] })).findings, [
    { kind: 'kernelFault', what: /^segfault: victim/ },
    { kind: 'control', what: /victim/ },
  ]);
  const absent = await runs('all is well\n', { expect: ['crash'], allow: [] });
  t.match(absent.findings, [
    { kind: 'console', what: 'no line of the console matches /crash/, which the scenario expects' },
  ]);
  t.match(absent.findings[0]?.details, ['booting', 'all is well']);
  t.same(
    (await runs('', { expect: ['crash'], allow: [] }, crash)).findings,
    [],
    'in a live timeline, which the control run has not',
  );
});

t.test('a root filesystem without an agent leaves its evidence', async (t) => {
  const failing = (agentless: string) => run([{ do: 'boot' }, { do: 'cutPower' }], { system: { agentless } });
  const { main, findings } = await failing('no /sbin/init');
  t.match(findings, [{ kind: 'guest', what: /awaited the agent of the root filesystem, but the machine halted/ }]);
  t.equal(text(main.console), 'booting\nno /sbin/init\n', 'from power-on, also before the checkpoint on the way');
  t.not((await failing('no /lib')).main.stateHash, main.stateHash);
});

t.test('a boot and a resume that fail later leave what came before them, too', async (t) => {
  // The first boot comes from another machine's checkpoints, so that only the second fails.
  const cut: Step = { ...SUSPEND, faults: [{ fault: 'alterSector', disk: 1, sector: 0, xor: 0xff }] };
  const { main, findings } = await run([{ do: 'boot' }, cut, RESUME], { system: { agentless: 'no root', ofBoots: 2 } });
  t.match(findings, [{ kind: 'guest', what: /awaited the suspended system to resume, but the machine halted/ }]);
  t.match(text(main.console), /no root\n$/);
  const again = await run([{ do: 'boot' }, { do: 'shutdown' }, { do: 'boot' }], {
    system: { agentless: 'no root', ofBoots: 2 },
  });
  t.match(again.findings, [{ kind: 'guest', what: /awaited the agent of the root filesystem/ }]);
  t.equal(text(again.main.console), 'booting\nbooting\nno root\n');
});

t.test('power cut within the image: the next boot is a fresh one', async (t) => {
  const cut: Step = { ...SUSPEND, faults: [{ fault: 'cutPower', at: { disk: 1, write: 0, sectors: 0 } }] };
  const { findings, main } = await run([{ do: 'boot' }, cut, { do: 'boot' }, { do: 'shutdown' }]);
  t.same(findings, []);
  t.same(main.cycles, []);
  t.same(
    main.filesystems.map(({ at }) => at),
    ['powerOff', 'shutdown'],
    'the disks are looked at as the cut left them',
  );
});

t.test('power cut within the resume: whether the image is still there depends on when', async (t) => {
  const cut = (at: FaultTime): Step => ({ do: 'resume', faults: [{ fault: 'cutPower', at }] });
  const seen: ResumeEvidence[] = [];
  const early = await run([{ do: 'boot' }, SUSPEND, cut({ disk: 1, write: 0, sectors: 0 }), RESUME, VERIFY], { seen });
  t.same(early.findings, []);
  t.same(
    early.main.filesystems.map(({ at }) => at),
    ['powerOff', 'suspend'],
    'the disks are looked at as the cut left them',
  );
  t.equal(seen[0]?.writesByResume[1]?.length, 1);
  const late = await run([{ do: 'boot' }, SUSPEND, cut({ marker: stepBegin('restore'), nth: 1 }), RESUME]);
  t.match(late.findings, [{ kind: 'guest', what: /the machine booted afresh/ }]);
  t.same(
    (
      await run([
        { do: 'boot' },
        SUSPEND,
        cut({ marker: stepBegin('restore'), nth: 1 }),
        { do: 'boot' },
        { do: 'shutdown' },
      ])
    ).findings,
    [],
    'which is as it should be',
  );
});

t.test('a planned power cut after the restore, before the agent answers', async (t) => {
  const engine = fakeSystem({});
  let thawed = 0;
  const watched = (machine: Machine): Machine => ({
    ...machine,
    run: async (request) => {
      const report = await machine.run(request);
      if (report.markers.some(({ kind }) => kind === stepEnd('thawTasks'))) thawed = report.instructions;
      return report;
    },
  });
  await run([{ do: 'boot' }, SUSPEND, RESUME], {
    engine: { ...engine, restore: async (...given) => watched(await engine.restore(...given)) },
  });
  for (const instruction of [thawed + 1, thawed + 10]) {
    const cut: Step = { do: 'resume', faults: [{ fault: 'cutPower', at: { instruction } }] };
    const { main, findings } = await run([{ do: 'boot' }, SUSPEND, cut, VERIFY, { do: 'boot' }, { do: 'shutdown' }]);
    t.same(findings, []);
    t.same(
      main.filesystems.map(({ at }) => at),
      ['powerOff', 'suspend', 'shutdown'],
    );
  }
});

t.test('a fault that does not strike fails the run', async (t) => {
  const cut: Step = { ...SUSPEND, faults: [{ fault: 'cutPower', at: { disk: 1, write: 9999 } }] };
  const { findings } = await run([{ do: 'boot' }, cut, { do: 'boot' }], { control: true });
  t.match(findings, [{ kind: 'guest', what: /the planned power cut did not happen/ }]);
  const late: Step = { do: 'resume', faults: [{ fault: 'cutPower', at: { disk: 1, write: 9999 } }] };
  t.match((await run([{ do: 'boot' }, SUSPEND, late])).findings, [{ what: /the planned power cut did not happen/ }]);
  const flip: Step = {
    do: 'resume',
    faults: [{ fault: 'flipMemory', at: { marker: 0x1011, nth: 7 }, where: 'symbol', xor: 6 }],
  };
  t.match((await run([{ do: 'boot' }, SUSPEND, flip])).findings, [
    { what: /the planned bit flip in memory did not happen/ },
  ]);
  const fail: Step = {
    do: 'resume',
    faults: [{ fault: 'failDisk', at: { marker: 0x1011, nth: 7 }, disk: 1, failure: { requests: 'all' } }],
  };
  t.match((await run([{ do: 'boot' }, SUSPEND, fail])).findings, [
    { what: /the planned failure of a request to a disk did not happen/ },
  ]);
  const both: Step = {
    ...SUSPEND,
    faults: [
      { fault: 'flipMemory', at: { marker: 0x1011, nth: 7 }, where: 'symbol', xor: 6 },
      { fault: 'cutPower', at: { disk: 1, write: 0 } },
    ],
  };
  t.match(
    (await run([{ do: 'boot' }, both, { do: 'boot' }])).findings,
    [{ what: /the planned bit flip in memory did not happen/ }],
    'also when power is cut before',
  );
});

t.test('a sector altered on the powered-off disk can keep the system from coming back', async (t) => {
  const alter: Step = { ...SUSPEND, faults: [{ fault: 'alterSector', disk: 1, sector: 0, xor: 0xff }] };
  const { findings } = await run([{ do: 'boot' }, alter, RESUME]);
  t.match(findings, [{ kind: 'guest', what: /the machine booted afresh/ }]);
});

t.test('a restored system that does not answer is verified all the same, and not asked again', async (t) => {
  const seen: ResumeEvidence[] = [];
  const steps: Step[] = [
    { do: 'boot' },
    SUSPEND,
    RESUME,
    { do: 'run', command: 'never', exit: 0, timeoutMs: 1000 },
    VERIFY,
    ...CYCLE,
    { do: 'shutdown' },
  ];
  const { main, findings } = await run(steps, { seen, system: { diesRestored: true } });
  t.match(findings, [{ kind: 'guest', what: /^the machine stopped \(halted\) while the rig awaited/ }]);
  t.equal(findings.length, 1);
  t.match(main.cycles, [
    { method: 'swsusp', memory: { pagesCompared: 1 }, image: { pagesCompared: 1 }, disk: { sectorsCompared: 8 } },
  ]);
  t.equal(seen.length, 1);
  t.same(main.commands, []);
});

t.test("self-checks may take longer on an engine whose time is the host's", async (t) => {
  const system: FakeSystem = { commands: { 'selfcheck start --seed 1 --patience 15': {} } };
  const fake = fakeSystem(system);
  const engine: Engine = { ...fake, traits: { ...fake.traits, patience: 15 } };
  const steps: Step[] = [{ do: 'boot' }, { do: 'selfcheck', phase: 'start' }, { do: 'shutdown' }];
  const { main, findings } = await run(steps, { engine });
  t.same(findings, []);
  t.match(main.commands, [{ command: 'selfcheck start --seed 1 --patience 15', exitCode: 0 }]);
});

t.test('an engine without checkpoints starts each machine at power-on', async (t) => {
  const system: FakeSystem = { commands: { 'selfcheck start --seed 1': {}, ...selfChecks(KTAP) } };
  const fake = fakeSystem(system);
  let powerOns = 0;
  const engine: Engine = {
    ...fake,
    traits: { ...fake.traits, checkpoints: [] },
    powerOn(config) {
      powerOns++;
      return fake.powerOn(config);
    },
    restore: () => Promise.reject(new RigError('it has no checkpoints')),
  };
  const steps: Step[] = [
    { do: 'boot' },
    { do: 'selfcheck', phase: 'start' },
    ...CYCLE,
    { do: 'selfcheck', phase: 'verify' },
    { do: 'shutdown' },
    { do: 'boot' },
    { do: 'shutdown' },
  ];
  const { main, control, findings } = await run(steps, { engine, control: true });
  t.same(findings, []);
  t.equal(powerOns, 3 + 2, 'boot, resume and boot; the control run needs no resume');
  const withCheckpoints = await run(steps, { system, control: true });
  t.same(main.cycles, withCheckpoints.main.cycles);
  t.same(main.selfChecks, withCheckpoints.main.selfChecks);
  t.same(control?.selfChecks, withCheckpoints.control?.selfChecks);
  const failed = await run([{ do: 'boot' }], { engine: { ...engine, ...panicking() } });
  t.match(failed.findings, [{ kind: 'guest', what: /awaited the kernel to start its init/ }]);
  t.match(new TextDecoder().decode(failed.main.console), /no init/);
});
const panicking = (): Pick<Engine, 'powerOn'> => fakeSystem({ panics: 'no init' });

t.test('RAM altered after the restore is in the capture', async (t) => {
  const seen: ResumeEvidence[] = [];
  const flip: Step = {
    do: 'resume',
    faults: [{ fault: 'flipMemory', at: { marker: 0x1011, nth: 1 }, where: 'symbol', xor: 6 }],
  };
  await run([{ do: 'boot' }, SUSPEND, flip, VERIFY], { seen });
  t.equal(seen[0]?.restored?.memory[0x2000], 6);
});

t.test('a kernel that chooses its place at each boot', async (t) => {
  const system: FakeSystem = { moves: (powerOn) => powerOn * 0x1000 };
  const asked: unknown[] = [];
  const addressOf: Proofs['addressOf'] = (symbol, layout) => {
    asked.push([symbol, layout?.word0]);
    return gpa(0x2000);
  };
  const flip = (where: string, marker: number): Fault => ({
    fault: 'flipMemory',
    at: { marker, nth: 1 },
    where,
    xor: 6,
  });
  const seen: ResumeEvidence[] = [];
  const suspend: Step = { ...SUSPEND, faults: [flip('suspending', stepBegin('copy'))] };
  const resume: Step = {
    do: 'resume',
    faults: [flip('loader', stepBegin('restore')), flip('restored', stepEnd('restore'))],
  };
  const steps: readonly Step[] = [{ do: 'boot' }, suspend, resume, VERIFY, suspend, resume, VERIFY];
  const engine = fakeSystem(system);
  // With checkpoints, all boots would be the same one.
  const booting: Engine = { ...engine, traits: { ...engine.traits, checkpoints: [] } };
  const { findings } = await run(steps, { engine: booting, seen, proofs: { ...watchingProofs(seen), addressOf } });
  t.same(findings, []);
  t.same(
    seen.map(({ layout }) => layout?.word0),
    [0x1000, 0x1000],
    'a resumed system stays where it was booted',
  );
  t.same(asked, [
    ['suspending', 0x1000],
    ['loader', 0x2000],
    ['restored', 0x1000],
    ['suspending', 0x1000],
    ['loader', 0x3000],
    ['restored', 0x1000],
  ]);

  await run([{ do: 'boot' }, SUSPEND, RESUME, { do: 'shutdown' }, { do: 'boot' }, suspend], {
    engine: booting,
    proofs: { ...watchingProofs([]), addressOf },
  });
  t.same(asked.slice(6), [['suspending', 0x6000]], 'a system booted afterwards does not');
});

t.test('what a shutdown leaves in use is a finding that names it', async (t) => {
  const { findings } = await run([{ do: 'boot' }, { do: 'shutdown' }], {
    system: { staysBusy: ['/mnt (ext4 on /dev/loop0): Device or resource busy'] },
  });
  t.match(findings, [{ kind: 'filesystem', what: /shutdown left in use.*: \/mnt \(ext4 on \/dev\/loop0\)$/ }]);
});
