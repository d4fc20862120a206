// SPDX-License-Identifier: MIT
/** What the commands decide before and after their work. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { withDefaultCommand } from '../../../tools/cli/main.js';
import { compareReports, scenarioOf, scenarioPaths } from '../../../tools/cli/replay.js';
import { loadScenario } from '../../../tools/run/scenario-file.js';
import { reportWith } from '../report/reports.js';
import type { Report } from '../../../emulator/report/model.js';
import { installCommand, PREREQUISITES } from '../../../tools/prerequisites.js';

t.test('options alone mean the standard run', (t) => {
  const commands = ['run', 'doctor'];
  t.same(withDefaultCommand([], commands), ['run']);
  t.same(withDefaultCommand(['--json', 'x'], commands), ['run', '--json', 'x']);
  for (const args of [['doctor'], ['--help'], ['-V'], ['dcotor'], ['run', 'x.yaml']])
    t.same(withDefaultCommand(args, commands), args);
  t.end();
});

t.test('two reports of one run are the same run, and others say where they differ', (t) => {
  const report = (over: object): Report =>
    ({
      verdict: 'pass',
      stateHash: 'a'.repeat(64),
      instructions: 5,
      artifacts: { kernel: 'k' },
      packages: { v86: '1' },
      ...over,
    }) as unknown as Report;
  t.same(compareReports(report({}), report({ realMs: 7 })), []);
  t.same(
    compareReports(
      report({}),
      report({ stateHash: 'b'.repeat(64), artifacts: { kernel: 'l' }, packages: { v86: '2' } }),
    ),
    ["artifact 'kernel': k, now l", 'version of v86: 1, now 2', `state: ${'a'.repeat(16)}, now ${'b'.repeat(16)}`],
  );
  t.same(compareReports(report({}), report({ verdict: 'fail' })), ['verdict: pass, now fail']);
  t.same(compareReports(report({}), report({ instructions: 6 })), ['instructions: 5, now 6']);
  const control = (state: string) =>
    report({ controlRun: { instructions: 5, virtualMs: 1, stateHash: state.repeat(64) } });
  const machine = { engine: 'qemu', arch: 'x86_64', processors: 2, deterministic: false, countsInstructions: false };
  const other = { instructions: 9, stateHash: 'b'.repeat(64) };
  t.same(compareReports(report({ machine }), report({ machine, ...other })), [], 'it cannot be repeated bit for bit');
  t.same(compareReports(report({ machine }), report({ machine, ...other, verdict: 'fail' })), [
    'verdict: pass, now fail',
  ]);
  t.same(compareReports(report({ machine }), report({ machine, ...other, artifacts: { kernel: 'l' } })), [
    "artifact 'kernel': k, now l",
  ]);
  t.same(compareReports(control('a'), control('a')), []);
  t.same(compareReports(control('a'), control('b')), [
    `state of the control run: ${'a'.repeat(16)}, now ${'b'.repeat(16)}`,
  ]);
  t.end();
});

t.test('the scenario of a report is looked for where the run was started, here, and beside the report', (t) => {
  const scenario = { name: 'x', file: 'a/x.yaml', directory: '/there', sha256: '' };
  t.same(scenarioPaths(scenario, '/reports/r.json', '/here'), ['/there/a/x.yaml', 'a/x.yaml', '/reports/a/x.yaml']);
  t.same(scenarioPaths(scenario, 'r.json', '/there'), ['a/x.yaml']);
  t.same(scenarioPaths({ ...scenario, file: '/a/x.yaml' }, 'r.json', '/here'), ['/a/x.yaml']);
  const { directory: _, ...old } = scenario;
  t.same(scenarioPaths(old, 'b/r.json', '/here'), ['a/x.yaml', '/here/b/a/x.yaml']);
  t.end();
});

t.test('the scenario of a report is looked for beyond other files of its name', async (t) => {
  const wanted = 'name: wanted\nsteps: [boot]\n';
  const dir = t.testdir({
    started: { 'x.yaml': 'name: unrelated\nsteps: [boot]\n' },
    reports: { 'x.yaml': wanted },
    broken: { 'x.yaml': 'steps: [boo]\n' },
    changed: { 'x.yaml': `${wanted}# since then\n` },
  });
  const { sha256 } = await loadScenario(join(dir, 'reports', 'x.yaml'));
  const of = (directory: string, reports: string) =>
    scenarioOf(
      {
        ...reportWith([]),
        scenario: { name: 'wanted', file: 'x.yaml', directory: join(dir, directory), sha256 },
        options: {},
      },
      join(dir, reports, 'r.json'),
    );
  for (const directory of ['started', 'broken', 'changed'])
    t.equal((await of(directory, 'reports')).scenario.name, 'wanted', `not that of ${directory}`);
  await t.rejects(of('started', 'broken'), {
    name: 'InputError',
    message:
      /^the scenario 'wanted' of .*r\.json is not among the files of its name:\n {2}.*started\/x\.yaml is another scenario: 'unrelated'\n {2}.*broken\/x\.yaml is not a valid scenario\n/,
  });
  await t.rejects(of('changed', 'changed'), {
    message: /^the scenario 'wanted' of .* cannot be repeated: .*changed\/x\.yaml, or a file .* has changed since/,
  });
  await t.rejects(of('nowhere', 'nowhere'), { message: /^cannot read the scenario .*x\.yaml$/ });
});

t.test('what is missing comes with one command that names each package once', (t) => {
  const missing = PREREQUISITES.filter(({ debianPackage }) => debianPackage === 'e2fsprogs' || debianPackage === 'bc');
  t.ok(missing.length > 2);
  t.equal(installCommand(missing), 'apt-get install -y --no-install-recommends bc e2fsprogs');
  t.end();
});

t.test('the kernel document lists the packages that the doctor looks for', async (t) => {
  const text = await readFile(packagePath('guest-kernel', 'README.md'), 'utf8');
  const [, list = ''] = /^Needed on the machine[^:]*: ([^.]*)\./m.exec(text) ?? [];
  const needed = PREREQUISITES.filter(({ purposes }) => purposes.includes('kernel'));
  t.same(
    [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name).sort(),
    [...new Set(needed.map(({ debianPackage }) => debianPackage))].sort(),
  );
});
