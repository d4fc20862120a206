// SPDX-License-Identifier: MIT
/**
 * The self-checking programs on this host, without a suspend: unharmed they must all pass (the control run), and each
 * of them must notice when its own state is spoilt.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { KernelArch } from '../../../guest-kernel/build.js';
import { ARCHS, findProcess, pathOf, run, runWith, type Run } from './fixtures/programs.js';

interface KtapLine {
  readonly ok: boolean;
  readonly name: string;
  readonly skipped: boolean;
}

/** Runs `selfcheck` with folders of its own: beside others, and on this host's disk. */
function driver(t: Test, arch?: KernelArch): (verb: string, ...args: readonly string[]) => Run {
  const ram = join(mkdtempSync('/dev/shm/snapback-'), 'state');
  const disk = join(mkdtempSync(join(tmpdir(), 'snapback-')), 'disk');
  t.teardown(() => {
    run('selfcheck', 'stop', '--state', ram);
    rmSync(join(ram, '..'), { recursive: true, force: true });
    rmSync(join(disk, '..'), { recursive: true, force: true });
  });
  return (verb, ...args) =>
    runWith('selfcheck', [verb, '--state', ram, '--dir', disk, ...args], { ...(arch && { arch }) });
}

const namesOf = (arch: KernelArch): readonly string[] =>
  runWith('selfcheck', ['list'], { arch })
    .stdout.trim()
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '');

function ktap({ stdout }: Run): KtapLine[] {
  return [...stdout.matchAll(/^(not ok|ok) \d+ (\S+)( # SKIP)?/gm)].map(([, verdict, name, skip]) => ({
    ok: verdict === 'ok',
    name: name ?? '',
    skipped: skip !== undefined,
  }));
}

test('programs for x86-64 have all checks of those for i386, and some of their own', async (t) => {
  // Read from the program, because not every host runs it. What a check is about stands nowhere else in it.
  const i386 = readFileSync(pathOf('selfcheck', 'i386'), 'latin1');
  const checks = [...runWith('selfcheck', ['list'], { arch: 'x86_64' }).stdout.matchAll(/^(\S+) +(.*)$/gm)];
  t.same(
    checks.filter(([, , about]) => !i386.includes(`${about}\0`)).map(([, name]) => name),
    ['addresses', 'segment-bases', 'vdso', 'vectors'],
  );
  for (const arch of ARCHS)
    t.same(
      namesOf(arch).filter((name) => !namesOf('x86_64').includes(name)),
      [],
    );
});

for (const arch of ARCHS) checksOf(arch);

function checksOf(arch: KernelArch): void {
  const names = namesOf(arch);

  test(`${arch}, the control run: what was not suspended has lost nothing`, async (t) => {
    const selfcheck = driver(t, arch);
    const started = selfcheck('start');
    t.equal(started.status, 0, started.stdout + started.stderr);
    t.match(started.stdout, new RegExp(`ready \\d+ skipped \\d+ of ${names.length}\n$`));
    const verified = selfcheck('verify');
    t.equal(verified.status, 0, verified.stdout + verified.stderr);
    const lines = ktap(verified);
    t.same(
      lines.map(({ name }) => name),
      names,
    );
    t.same(
      lines.filter(({ ok }) => !ok),
      [],
    );
    t.match(verified.stdout, new RegExp(`^KTAP version 1\n1\\.\\.${names.length}\n`));
    t.equal(/# ram-marker (\w{32})$/m.exec(verified.stdout)?.[1], /^ram-marker (\w{32})$/m.exec(started.stdout)?.[1]);
  });

  test(`${arch}: each check notices when its own state is spoilt`, async (t) => {
    const selfcheck = driver(t, arch);
    const { stdout } = selfcheck('start');
    const skipped = [...stdout.matchAll(/^(\S+): skipped$/gm)].map(([, name]) => name);
    for (const name of names.filter((known) => !skipped.includes(known)))
      t.equal(selfcheck('sabotage', name).status, 0, name);
    const verified = selfcheck('verify');
    t.equal(verified.status, 1);
    t.same(
      ktap(verified).filter(({ ok, skipped: left }) => ok && !left),
      [],
      'none passes',
    );
    t.notMatch(verified.stdout, /no answer|ended unexpectedly/);
  });
}

test('clocks that jump when the machine was said to be on are noticed, and the other way round', async (t) => {
  const selfcheck = driver(t);
  selfcheck('start', 'clocks', 'timer-timerfd', 'timer-sleep', 'anon-memory');
  const verified = selfcheck('verify', '--off-ms', '3600000');
  t.equal(verified.status, 1);
  t.same(
    ktap(verified)
      .filter(({ ok }) => ok)
      .map(({ name }) => name),
    ['anon-memory'],
  );
  t.match(verified.stdout, /CLOCK_BOOTTIME advanced by \d+ ms, not 36\d{5}/);
});

test('a check that dies is a failed check', async (t) => {
  const selfcheck = driver(t);
  selfcheck('start', 'udp');
  const pid = findProcess('udp');
  process.kill(pid, 'SIGKILL');
  const verified = selfcheck('verify');
  t.equal(verified.status, 1);
  t.match(verified.stdout, /the process ended unexpectedly \(signal 9\)\nnot ok 1 udp/);
});

test('wrong use is told apart from failed checks', async (t) => {
  const selfcheck = driver(t);
  t.match(selfcheck('start', 'no-such-check'), { status: 2, stderr: /no check 'no-such-check'/ });
  t.match(selfcheck('verify'), { status: 2, stderr: /no checks are running/ });
  t.match(selfcheck('verify', '--off-ms', 'soon'), { status: 2, stderr: /--off-ms needs a number/ });
  t.match(selfcheck('start', '--anon-mib'), { status: 2, stderr: /needs a value/ });
  t.match(run('selfcheck'), { status: 2, stderr: /^usage:/ });
  t.equal(selfcheck('start', 'udp').status, 0);
  t.match(selfcheck('start', 'udp'), { status: 2, stderr: /running already/ });
  t.match(selfcheck('sabotage', 'pty'), { status: 2, stderr: /no check 'pty' is running/ });
  t.equal(selfcheck('stop').status, 0);
});
