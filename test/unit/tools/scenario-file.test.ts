// SPDX-License-Identifier: MIT
/** Scenario files on other machines than their own, and the command lines for that. */
import { join } from 'node:path';
import t from 'tap';
import { loadScenario, type Overrides } from '../../../tools/run/scenario-file.js';
import { buildProgram } from '../../../tools/cli/program.js';

t.test('the words that ask for the machine of a run are those that are needed', async (t) => {
  const dir = t.testdir({
    'x.yaml': 'name: x\nmachine: { memory: 128 MiB }\nsteps: [boot]\n',
    'own.yaml': 'name: x\nmachine: { engine: qemu, arch: x86_64, processors: 2, memory: 1 GiB }\nsteps: [boot]\n',
  });
  const words = async (file: string, overrides: Overrides): Promise<string> =>
    (await loadScenario(join(dir, file), overrides)).machineWords;
  t.equal(await words('x.yaml', {}), '');
  t.equal(await words('x.yaml', { engine: 'v86', memoryMiB: 128 }), '', 'it has that machine');
  t.equal(await words('x.yaml', { engine: 'qemu' }), ' --engine qemu');
  const all = { engine: 'qemu', arch: 'x86_64', processors: 2 } as const;
  t.equal(await words('x.yaml', { ...all, memoryMiB: 144 }), ' --engine qemu --processors 2');
  t.equal(await words('x.yaml', { ...all, memoryMiB: 640 }), " --engine qemu --processors 2 --memory '640 MiB'");
  t.equal(await words('x.yaml', { freezeOrder: 'filesystems-first' }), ' --freeze-order filesystems-first');
  t.equal(await words('x.yaml', { engine: 'qemu', arch: 'i386' }), ' --engine qemu --arch i386');
  t.equal(await words('own.yaml', { ...all, processors: 4, memoryMiB: 1024 }), ' --processors 4');
});

t.test('a machine that the scenario cannot have is refused with the words that ask for it', async (t) => {
  const dir = t.testdir({ 'x.yaml': 'name: x\nmachine: { share: empty }\nsteps: [boot]\n' });
  await t.rejects(loadScenario(join(dir, 'x.yaml'), { engine: 'qemu', processors: 2 }), {
    exitCode: 2,
    message:
      /x\.yaml cannot run on the machine that was asked for \(--engine qemu --processors 2\)\n.*cannot have a `share`/,
  });
});

t.test('another method and other values of parameters', async (t) => {
  const dir = t.testdir({
    'x.yaml':
      'name: x\nparameters: { filesystem: [ext4, xfs] }\nsteps:\n  - boot\n  - run: mount -t ${filesystem}\n  - suspend: {}\n',
    'live.yaml': 'name: x\nsteps:\n  - boot\n  - suspend: { whileSaving: [sync] }\n',
  });
  const load = (file: string, overrides: Overrides) => loadScenario(join(dir, file), overrides);
  const asked = { method: 'swsusp', parameters: { filesystem: 'xfs' } } as const;
  const own = await load('x.yaml', {});
  const other = await load('x.yaml', asked);
  t.equal(own.machineWords, '');
  t.equal(other.machineWords, ' --method swsusp --set filesystem=xfs');
  t.match(other.plan.steps, [{}, { command: 'mount -t xfs' }, { method: 'swsusp' }]);
  t.equal(other.method, 'swsusp');
  const hashes = [
    own,
    other,
    await load('x.yaml', { method: 'swsusp' }),
    await load('x.yaml', { parameters: { filesystem: 'xfs' } }),
  ];
  t.equal(new Set(hashes.map(({ sha256 }) => sha256)).size, hashes.length, 'other inputs, another hash');
  t.equal(
    (await load('x.yaml', { parameters: { filesystem: 'ext4' } })).sha256,
    own.sha256,
    'the value that it has anyway',
  );
  await t.rejects(load('live.yaml', { method: 'swsusp' }), {
    exitCode: 2,
    message:
      /live\.yaml cannot run with what was asked for \(--method swsusp\)\n.*swsusp has no live timeline to run `whileSaving`$/m,
    remedy: /\S/,
  });
  await t.rejects(load('live.yaml', { parameters: { filesystem: 'xfs' } }), {
    message: /with what was asked for \(--set filesystem=xfs\)\n.*the scenario has no parameter 'filesystem'/,
  });
});

t.test('the options of a machine', async (t) => {
  const refused = async (...words: string[]): Promise<string> => {
    const program = buildProgram({ done: () => undefined, signal: new AbortController().signal } as never);
    let said = '';
    for (const command of [program, ...program.commands])
      command.exitOverride().configureOutput({ writeErr: (text) => void (said += text) });
    await program.parseAsync(['run', 'x.yaml', ...words], { from: 'user' }).catch(() => undefined);
    return said;
  };
  t.match(await refused('--engine', 'bochs'), /Allowed choices are v86, qemu/);
  t.match(await refused('--arch', 'arm64'), /Allowed choices are i386, x86_64/);
  t.match(await refused('--processors', '9'), /from 1 to 8/);
  t.match(await refused('--memory', '1 TiB'), /such as '512 MiB'/);
  t.match(await refused('--method', 'kexec'), /Allowed choices are swsusp, sys_snapshot/);
  t.match(await refused('--set', 'filesystem'), /a name and a value are wanted/);
});
