// SPDX-License-Identifier: MIT
/** What is wrong in the input, or around it, is told apart and told clearly. */
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { obtainInitramfs } from '../../disk-images/build.js';
import { context, runText, snapback } from './cycle-support.js';

t.test('a scenario with a typo', async (t) => {
  const dir = t.testdir({ 'x.yaml': 'name: x\nsteps:\n  - boot\n  - supend\n' });
  const { status, stderr, stdout } = await snapback(['run', join(dir, 'x.yaml')]);
  t.equal(status, 2);
  t.equal(stdout, '');
  t.match(stderr, /x\.yaml:4:5: unknown key 'supend': did you mean 'suspend'\?\n {6}- supend\n {8}\^{6}/);
  t.notMatch(stderr, /at .*\.mjs:\d+/, 'no stack trace');
});

t.test('a binary file, and an alias without an end, as scenarios', async (t) => {
  const dir = t.testdir({
    'binary.yaml': Buffer.from(Uint8Array.from({ length: 500_000 }, (_, at) => (at * 7919) >> 3)),
    'controls.yaml': '\u001b[2J\n'.repeat(100_000),
    'cycle.yaml': 'name: x\nsteps: &all\n  - boot\n  - repeat: { times: 2, steps: *all }\n',
  });
  const run = async (name: string): Promise<string> => {
    const { status, stdout, stderr } = await snapback(['run', join(dir, name)]);
    t.equal(status, 2, name);
    t.equal(stdout, '');
    t.ok(stderr.length < 4000);
    t.notMatch(stderr, /[^\n\P{Cc}]/u, 'no controls');
    return stderr;
  };
  t.match(await run('binary.yaml'), /cannot read the scenario .*binary\.yaml\n {2}because: it is not text in UTF-8\n/);
  t.match(await run('controls.yaml'), /controls\.yaml:1:1: \\x1b is a character that a YAML file may not contain/);
  t.match(await run('cycle.yaml'), /cycle\.yaml:4:32: '\*all' is inside the value that it refers to/);
});

t.test('a file that the scenario copies and that is not there', async (t) => {
  const dir = t.testdir({ 'x.yaml': 'name: x\nfiles: [{ from: ./nothing, to: /root/x }]\nsteps: [boot]\n' });
  const { status, stderr } = await snapback(['run', join(dir, 'x.yaml')]);
  t.equal(status, 2);
  t.match(stderr, /cannot read \.\/nothing/);
});

t.test('a guest program that does not exist fails the guest, with what its shell said', async (t) => {
  const { report } = await runText(t.testdir({}), 'name: x\nsteps: [boot, { run: /root/nothing }, shutdown]\n');
  t.equal(report.verdict, 'fail');
  t.match(report.failures, [
    { kind: 'command', what: '`/root/nothing` ended with status 127, not 0', details: [/not found/] },
  ]);
});

t.test('a command that does not end is given up on', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    "name: x\nsteps: [boot, { run: { command: 'sleep 1000', timeout: 5 s } }, shutdown]\n",
  );
  t.match(report.failures, [{ kind: 'command', what: '`sleep 1000` did not end within 5 s' }]);
  t.same(report.stepsNotRun, [{ timeline: 'main', step: 'shut down' }]);
});

t.test('a disk image of the wrong size', async (t) => {
  const dir = t.testdir({ 'x.yaml': 'name: x\ndisks: [./disk.img]\nsteps: [boot]\n', 'disk.img': 'x'.repeat(1000) });
  const { status, stderr } = await snapback(['run', join(dir, 'x.yaml')]);
  t.equal(status, 2);
  t.match(stderr, /1000 bytes/);
});

t.test('the reports of several scenarios are replayed from another folder', async (t) => {
  const scenario = (name: string, command: string): string =>
    `name: ${name}\ncontrol: false\nmachine: { memory: 128 MiB }\nsteps: [boot, { run: ${command} }]\n`;
  const dir = t.testdir({ runs: { 'a.yaml': scenario('a', "'true'"), 'b.yaml': scenario('b', "'false'") }, other: {} });
  const json = join(dir, 'other', 'reports.json');
  const run = await snapback(['run', 'a.yaml', 'b.yaml', '--json', json], undefined, join(dir, 'runs'));
  t.equal(run.status, 1, run.stderr);
  const replay = await snapback(['replay', 'reports.json', '--ktap', 'again'], undefined, join(dir, 'other'));
  t.equal(replay.status, 1, 'the second one fails again');
  t.match(replay.stdout, /^PASS {2}a\n[^]*the same run: state [^]*\nFAIL {2}b\n[^]*the same run: state /);
  t.match(
    await readFile(join(dir, 'other', 'again'), 'utf8'),
    /^KTAP version 1\n1\.\.2\n[^]*\nok 1 a\n[^]*\nnot ok 2 b\n$/,
  );
});

t.test('a cache that cannot be, and no folder for temporary files', async (t) => {
  const dir = t.testdir({ file: 'x', 'x.yaml': 'name: x\nsteps: [boot]\n' });
  for (const env of [
    { SNAPBACK_CACHE: join(dir, 'file') },
    { SNAPBACK_CACHE: join(dir, 'file/below') },
    { SNAPBACK_CACHE: '/proc/nowhere' },
    { TMPDIR: join(dir, 'nowhere') },
  ]) {
    const { status, stdout, stderr } = await snapback(['run', join(dir, 'x.yaml')], undefined, dir, env);
    t.equal(status, 3, JSON.stringify(env));
    t.equal(stdout, '');
    t.match(
      stderr,
      /^snapback: cannot write to the (cache folder|folder for temporary files) [^]*E[A-Z]+: [^]*\n {2}what to do: .*(SNAPBACK_CACHE|TMPDIR)\n$/m,
    );
    t.notMatch(stderr, /^ +at /m, 'no stack trace');
  }
});

t.test('an altered file in the cache is built again', async (t) => {
  // A cache of its own: other tests that run meanwhile boot this file.
  const cacheDir = t.testdir({});
  for (const name of await readdir(context.cacheDir))
    if (!name.startsWith('initramfs-')) await symlink(join(context.cacheDir, name), join(cacheDir, name));
  const elsewhere = { ...context, cacheDir };
  const { path, sha256 } = await obtainInitramfs(elsewhere);
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
  const mended = await obtainInitramfs(elsewhere);
  t.equal(mended.sha256, sha256);
  t.not((await readFile(mended.path))[100], bytes[100]);
});

t.test('Ctrl-C ends it all, at once and without remains', async (t) => {
  const dir = t.testdir({
    'x.yaml': "name: x\nsteps: [boot, { run: { command: 'while :; do :; done', timeout: 1 h } }]\n",
  });
  let asked = false;
  let askedMs = 0;
  const { status, signal, stderr } = await snapback(['run', join(dir, 'x.yaml')], (seen, kill) => {
    if (asked || !seen.includes('run while')) return;
    asked = true;
    askedMs = performance.now();
    setTimeout(() => kill('SIGINT'), 300);
  });
  t.equal(signal, null);
  t.equal(status, 130);
  t.match(stderr, /interrupted/);
  t.ok(performance.now() - askedMs < 5000, 'within 5 s');
});
