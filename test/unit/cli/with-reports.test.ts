// SPDX-License-Identifier: MIT
/** What the report files hold when a command ends early: every scenario that was asked for, and nothing of an older run. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import type { Trace } from '../../../emulator/report/trace.js';
import { InputError, RigError } from '../../../emulator/machine/errors.js';
import { describeFailure, TwoFailures } from '../../../tools/cli/failure.js';
import { Interrupted } from '../../../tools/cli/interrupt.js';
import { askedFor, attempt, withReports } from '../../../tools/cli/with-reports.js';
import type { ScenarioRun } from '../../../tools/run/run-scenario.js';
import { reportWith, timeline } from '../report/reports.js';
import { parseKtap, parseJunit, type XmlElement } from '../report/readers.js';

const OLD = 'of an older run';
const FILES = { json: 'json', junit: 'junit', ktap: 'ktap', console: 'console' } as const;
type Texts = Readonly<Record<keyof typeof FILES, string>>;

const inFolder = (dir: string): Texts => ({
  json: join(dir, 'json'),
  junit: join(dir, 'junit'),
  ktap: join(dir, 'ktap'),
  console: join(dir, 'console'),
});
const textsIn = (dir: string): Texts => {
  const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
  return { json: read('json'), junit: read('junit'), ktap: read('ktap'), console: read('console') };
};
const oldFiles = { json: OLD, junit: OLD, ktap: OLD, console: OLD };

const passed = (name: string): ScenarioRun => {
  const report = reportWith([]);
  return {
    report: { ...report, scenario: { ...report.scenario, name } },
    outcome: { main: timeline({ console: new TextEncoder().encode('shown') }), control: undefined, findings: [] },
    machines: [{ number: 1, startVirtualMs: 0, virtualMs: 5, instructions: 9, markers: [], writes: [] }],
    disks: [],
  };
};

/** `[name, whether it passed]` of each point. */
const pointsOf = (ktap: string): unknown => parseKtap(ktap).map(({ name, ok }) => [name, ok]);
const errorsOf = (junit: string): readonly (string | undefined)[] => {
  const find = (element: XmlElement): readonly XmlElement[] => [
    ...(element.name === 'error' ? [element] : []),
    ...element.children.flatMap(find),
  ];
  return find(parseJunit(junit)).map(({ attributes }) => attributes['message']);
};

t.test('the trace has the runs that are done', async (t) => {
  const trace = join(t.testdir({}), 'trace');
  const asked = ['a', 'b', 'c'].map((name) => ({ ...askedFor(name), ...(name !== 'b' && { run: passed(name) }) }));
  t.equal(await withReports(asked, { trace }, new AbortController().signal, () => Promise.resolve(0)), 0);
  const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as Trace;
  t.same(
    traceEvents.flatMap(({ ph, name, args }) => (ph === 'M' && name === 'process_name' ? [args.name] : [])),
    ['a, machine 1', 'c, machine 1'],
  );
});

t.test('the second of three scenarios ends the command', async (t) => {
  const dir = t.testdir(oldFiles);
  const asked = ['a', 'b', 'c'].map(askedFor);
  const error = new RigError('the disk is gone', { remedy: 'mend it' });
  const [a, b] = asked;
  if (!a || !b) throw new Error('none asked for');
  const command = withReports(asked, inFolder(dir), new AbortController().signal, async () => {
    a.run = await attempt(a, () => Promise.resolve(passed('a')));
    b.run = await attempt(b, () => Promise.reject(error));
    return 0;
  });
  t.equal(await command.catch((thrown: unknown) => thrown), error);
  const { json, junit, ktap, console: log } = textsIn(dir);
  t.same(pointsOf(ktap), [
    ['a', true],
    ['b', false],
    ['c', false],
  ]);
  t.match(
    ktap,
    "# no verdict: the disk is gone\n# what to do: mend it\nnot ok 2 b\n# no verdict: not run, because the command ended with 'b'\n",
  );
  t.same(errorsOf(junit), ['no verdict: the disk is gone', "no verdict: not run, because the command ended with 'b'"]);
  t.match(JSON.parse(json), { verdict: 'pass', scenario: { name: 'a' } }, 'the one report that there is');
  t.equal(log, 'shown');
});

t.test('an interrupted scenario says so, whatever the interruption broke', async (t) => {
  const dir = t.testdir(oldFiles);
  const one = askedFor('a');
  const controller = new AbortController();
  const command = withReports([one], inFolder(dir), controller.signal, async () => {
    controller.abort(new Interrupted());
    await attempt(one, () => Promise.reject(new Error('the worker is gone')));
    return 0;
  });
  await t.rejects(command);
  t.match(textsIn(dir).ktap, '# no verdict: interrupted\nnot ok 1 a\n');
});

t.test('reports that cannot be written do not hide why the command ended', async (t) => {
  const one = askedFor('a');
  const { signal } = new AbortController();
  const failing = (): Promise<number> =>
    attempt(one, () => Promise.reject(new InputError('bad', { remedy: 'mend it' })));
  const error: unknown = await withReports([one], { ktap: '/dev/full' }, signal, failing).catch(
    (thrown: unknown) => thrown,
  );
  t.ok(error instanceof TwoFailures);
  const { message, exitCode } = describeFailure(error);
  t.equal(exitCode, 2);
  t.match(message, /^snapback: bad\n {2}what to do: mend it\nsnapback: cannot write \/dev\/full\n {2}because: ENOSPC/);
  await t.rejects(
    withReports([one], { ktap: '/dev/full' }, signal, () => Promise.resolve(0)),
    { name: 'RigError', message: 'cannot write /dev/full' },
  );
});

t.test('a run whose verdict does not count is an error, not a pass', async (t) => {
  const dir = t.testdir(oldFiles);
  const one = askedFor('a');
  await withReports([one], inFolder(dir), new AbortController().signal, async () => {
    one.run = await attempt(one, () => Promise.resolve(passed('a')));
    one.objection = { reason: 'not the same run', details: ['instructions: 1, now 2'] };
    return 3;
  });
  const { json, junit, ktap } = textsIn(dir);
  t.same(pointsOf(ktap), [['a', false]]);
  t.match(ktap, '# no verdict: not the same run\n# instructions: 1, now 2\nnot ok 1 a\n');
  t.same(errorsOf(junit), ['no verdict: not the same run']);
  t.match(JSON.parse(json), { scenario: { name: 'a' } }, 'the report of the run is still there to look at');
});

const snapback = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  spawnSync(process.execPath, [packagePath('tools', 'snapback.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '', ...env },
  });
const optionsFor = (dir: string): readonly string[] =>
  Object.entries(inFolder(dir)).flatMap(([option, file]) => [`--${option}`, file]);

t.test('the command line: a run without any verdict replaces the files of an older one', (t) => {
  const dir = t.testdir({
    ...oldFiles,
    'a.yaml': 'name: first\nsteps: [boot]\n',
    'b.yaml': 'name: second\nsteps: [boot]\n',
    'bad.yaml': 'name: bad\nsteps: [boo]\n',
  });
  const at = (name: string): string => join(dir, name);
  const rig = snapback(['run', at('a.yaml'), at('b.yaml'), ...optionsFor(dir)], { TMPDIR: at('nowhere') });
  t.equal(rig.status, 3, rig.stderr);
  const first = textsIn(dir);
  t.equal(first.json, '[]\n');
  t.equal(first.console, '');
  t.same(pointsOf(first.ktap), [
    ['first', false],
    ['second', false],
  ]);
  t.match(errorsOf(first.junit), [/^no verdict: .*folder for temporary files/, /^no verdict: not run/]);

  const input = snapback(['run', at('a.yaml'), at('bad.yaml'), ...optionsFor(dir)]);
  t.equal(input.status, 2, input.stderr);
  const second = textsIn(dir);
  t.same(pointsOf(second.ktap), [
    ['first', false],
    [at('bad.yaml'), false],
  ]);
  t.match(errorsOf(second.junit), [/^no verdict: not run/, /^no verdict: .*bad\.yaml is not a valid scenario/]);

  const replay = snapback(['replay', at('json'), '--ktap', at('ktap')]);
  t.equal(replay.status, 2);
  t.match(replay.stderr, /json is no report: it is an empty list: the run that wrote it ended without a verdict\n/);
  t.same(pointsOf(textsIn(dir).ktap), [[at('json'), false]]);

  // The standard input of a program that Node starts is a socket, which has no path.
  const words = [process.execPath, packagePath('tools', 'snapback.mjs'), 'replay', '/dev/stdin'];
  const piped = spawnSync('sh', ['-c', 'echo "[]" | "$@"', 'sh', ...words], { encoding: 'utf8' });
  t.equal(piped.status, 2);
  t.match(piped.stderr, /stdin is no report: it is an empty list/, 'a pipe can be read once');

  writeFileSync(at('session.json'), '{ "sessionFormat": 9 }');
  const session = snapback(['replay', at('session.json'), '--ktap', at('ktap')]);
  t.equal(session.status, 2);
  t.match(
    session.stderr,
    /session\.json is no session: its sessionFormat is 9, not 1, 2 or 3\n {2}what to do: give a file that the page/,
  );
  t.same(pointsOf(textsIn(dir).ktap), [[at('session.json'), false]]);
  t.end();
});

t.test('the command line: a replay that is refused names the scenarios of the report', (t) => {
  const reports = ['a', 'b'].map((name) => passed(name).report);
  const dir = t.testdir({ ...oldFiles, 'old.json': JSON.stringify(reports), 'x.yaml': 'name: x\nsteps: [boot]\n' });
  const { status, stderr } = snapback(['replay', join(dir, 'old.json'), ...optionsFor(dir)]);
  t.equal(status, 2);
  t.match(stderr, /^snapback: /);
  const { json, ktap } = textsIn(dir);
  t.equal(json, '[]\n');
  t.same(pointsOf(ktap), [
    ['a', false],
    ['b', false],
  ]);
  t.end();
});
