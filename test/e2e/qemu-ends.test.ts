// SPDX-License-Identifier: MIT
/** How machines in QEMU end, and what happens when QEMU is missing, broken or killed. Nothing is left of any of them. */
import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createQemuEngine } from '../../emulator/engines/qemu/host-node/engine.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { InputError, RigError, StallError } from '../../emulator/machine/errors.js';
import { conformanceConfig, READY } from '../conformance/guest.js';

const config = await conformanceConfig();
const PROGRAM = 'qemu-system-x86_64';
const GONE_MS_MAX = 20_000;
const original = { TMPDIR: process.env['TMPDIR'], PATH: process.env['PATH'] };

/** A folder for temporary files of this test alone, by which its processes are found. */
async function ownFolder(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'qemu-ends-'));
  process.env['TMPDIR'] = dir;
  t.teardown(async () => {
    for (const name of ['TMPDIR', 'PATH'] as const) {
      if (original[name] === undefined) delete process.env[name];
      else process.env[name] = original[name];
    }
    await rm(dir, { recursive: true, force: true });
  });
  return dir;
}

/** Ids of the processes of which the command line names `dir`. */
async function processesOf(dir: string): Promise<readonly number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(all.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
  return all.filter((_, index) => lines[index]?.includes(dir)).map(Number);
}

/** Waits until nothing of the machines in `dir` is left. Returns what is. */
async function leftIn(dir: string): Promise<readonly unknown[]> {
  for (const endMs = Date.now() + GONE_MS_MAX; ;) {
    const left = [...(await processesOf(dir)), ...(await readdir(dir)).filter((name) => name.startsWith('snapback-'))];
    if (left.length === 0 || Date.now() > endMs) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Sends a signal to the machine in `dir`, not to the shell that watches over it. */
async function signalQemu(dir: string, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await processesOf(dir))
    if ((await readFile(`/proc/${pid}/comm`, 'utf8')).startsWith('qemu')) process.kill(pid, signal);
}

/** Puts a program with this text before QEMU in the PATH. */
async function fakeQemu(dir: string, text: string): Promise<void> {
  const bin = join(dir, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, PROGRAM), `#!/bin/sh\n${text}\n`);
  await chmod(join(bin, PROGRAM), 0o755);
  process.env['PATH'] = `${bin}:${process.env['PATH'] ?? ''}`;
}

const VERSION = '[ "$1" = --version ] && echo \'QEMU emulator version 7.2.0\' && exit';

t.test('a rig that is killed leaves no process and no file', async (t) => {
  const dir = await ownFolder(t);
  const child = spawn(process.execPath, ['tools/run.mjs', 'test/e2e/fixtures/endless-qemu.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    cwd: packagePath(),
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => bytes.toString().includes('running') && resolve());
    child.on('close', () => reject(new Error('it ended before its machine ran')));
  });
  t.ok((await processesOf(dir)).length > 0);
  child.kill('SIGKILL');
  t.same(await leftIn(dir), []);
});

t.test('machines that end, are closed or are closed twice leave nothing, either', async (t) => {
  const dir = await ownFolder(t);
  for (const letter of ['h', 'z', 'e']) {
    const machine = await createQemuEngine().powerOn(config);
    await machine.run({
      virtualMsMax: 60_000,
      send: [{ channel: 'agent', bytes: Buffer.from(letter) }],
      untilByte: { channel: 'agent', byte: 0x0a },
    });
    await Promise.all([machine.close(), machine.close()]);
  }
  t.same(await leftIn(dir), []);
});

t.test('triple faults are resets', async (t) => {
  for (const letter of ['t', 'p']) {
    const machine = await createQemuEngine().powerOn(config);
    t.teardown(() => machine.close());
    const report = await machine.run({
      virtualMsMax: 60_000,
      send: [{ channel: 'agent', bytes: Buffer.from(letter) }],
    });
    t.same(report.reason, { why: 'reset' }, letter);
  }
});

t.test('a QEMU that is killed ends the run with a failure of the rig', async (t) => {
  const dir = await ownFolder(t);
  const machine = await createQemuEngine().powerOn(config);
  t.teardown(() => machine.close());
  await machine.run({
    virtualMsMax: 60_000,
    triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
  });
  const ended = t.rejects(machine.run({ virtualMsMax: 600_000 }), {
    constructor: RigError,
    message: /qemu-system-x86_64 has ended/,
  });
  await signalQemu(dir, 'SIGKILL');
  await ended;
  await t.rejects(machine.run({ virtualMsMax: 1 }), RigError);
  await machine.close();
  t.same(await leftIn(dir), []);
});

const needsRoot = process.getuid?.() === 0 ? false : 'needs root, to make a folder that is full';

t.test('a folder for temporary files that is full is named, with what to do', { skip: needsRoot }, async (t) => {
  const dir = await ownFolder(t);
  const small = join(dir, 'small');
  await mkdir(small);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]).status !== 0) {
    t.comment('root may not mount here');
    return;
  }
  t.teardown(() => void spawnSync('umount', [small]));
  process.env['TMPDIR'] = small;
  const timers = (): number => process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length;
  const before = timers();
  const refused = (more: object): Promise<unknown> =>
    createQemuEngine()
      .powerOn({ ...config, ...more })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
  for (const more of [{ initrd: new Uint8Array(2 << 20) }, {}])
    t.match(await refused(more), {
      constructor: RigError,
      message: /cannot prepare a machine in .*ENOSPC/,
      remedy: /TMPDIR/,
    });
  t.same(await leftIn(small), []);
  t.equal(timers(), before, 'and nothing is waited for any more');
});

t.test('a QEMU that is missing, too old or does not start is named, with its package', async (t) => {
  const dir = await ownFolder(t);
  process.env['PATH'] = '/nonexistent';
  const missing = await createQemuEngine()
    .powerOn(config)
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  t.match(missing, { message: /cannot run qemu-system-x86_64/, remedy: /apt-get install .*qemu-system-x86/ });
  process.env['PATH'] = original.PATH;
  await fakeQemu(dir, "echo 'QEMU emulator version 5.2.0 (Debian)'");
  await t.rejects(createQemuEngine().powerOn(config), {
    constructor: RigError,
    message: /version 5.2.0, and 6.0 is needed/,
  });
  await rm(join(dir, 'bin'), { recursive: true });
  await fakeQemu(dir, `${VERSION}; echo 'no such machine' >&2; exit 1`);
  await t.rejects(createQemuEngine().powerOn(config), { constructor: RigError, message: /no such machine/ });
  t.same(await leftIn(dir), []);
});

t.test('a QEMU that does not answer is given up', async (t) => {
  const dir = await ownFolder(t);
  await fakeQemu(dir, `${VERSION}; exec sleep 600`);
  await t.rejects(createQemuEngine({ stallMs: 300 }).powerOn(config), /did not come within 0.3 s/);
  t.same(await leftIn(dir), []);
});

t.test('one that stops answering while its machine runs has stalled', async (t) => {
  const dir = await ownFolder(t);
  const machine = await createQemuEngine({ stallMs: 3_000 }).powerOn(config);
  t.teardown(() => machine.close());
  await machine.run({
    virtualMsMax: 60_000,
    triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
  });
  const ended = t.rejects(machine.run({ virtualMsMax: 600_000 }), {
    constructor: StallError,
    message: /for 3 s of real time/,
  });
  await signalQemu(dir, 'SIGSTOP');
  await ended;
  await machine.close();
  t.same(await leftIn(dir), []);
});

t.test('configs that cannot be are refused with a reason', async (t) => {
  const refused = (change: object, message: RegExp) =>
    t.rejects(createQemuEngine().powerOn({ ...config, ...change }), { constructor: InputError, message });
  await refused({ memoryMiB: 64 }, /128 to 3072 MiB/);
  await refused({ processors: 9 }, /1 to 8 processors/);
  await refused({ share: [] }, /cannot have a share/);
});
