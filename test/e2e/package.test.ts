// SPDX-License-Identifier: MIT
/**
 * Snapback as others get it: packed, unpacked into a project elsewhere, imported by its name there, with its types. The soak installs it
 * as a command.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { env, ownFolder, pack, SCENARIO } from './packed.js';

const TEST = `import t from 'tap';
import { Agent, bootStates, byteCache, createV86Engine, DEFAULT_MACHINE, defaultCacheDir, obtainMachineFiles, restoreAt, STANDARD_DISKS, type Booter, type Machine } from 'snapback-rig';

t.test('a machine of my own', async (t) => {
  const context = { cacheDir: defaultCacheDir(), progress: () => undefined, signal: new AbortController().signal };
  const { config, configKey } = await obtainMachineFiles(DEFAULT_MACHINE, STANDARD_DISKS, context);
  const booter: Booter = { engine: createV86Engine(), config, configKey, cache: byteCache(\`\${context.cacheDir}/checkpoints\`) };
  const { machine }: { machine: Machine } = await restoreAt(await bootStates().at('agentReady', booter), booter);
  t.teardown(() => machine.close());
  const agent = new Agent(machine);
  await agent.connect();
  const result = await agent.exec(['/bin/uname', '-s']);
  t.equal(new TextDecoder().decode(result.stdout), 'Linux\\n');
  // @ts-expect-error: the types are there, and say that this is no bound.
  await machine.run({ virtualMsMax: 'soon' }).catch(() => undefined);
});
`;

const { tarball } = pack(ownFolder(t));

t.test('a project of somebody else', async (t) => {
  const project = ownFolder(t);
  const modules = join(project, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', tarball, '-C', modules]);
  execFileSync('mv', [join(modules, 'package'), join(modules, 'snapback-rig')]);
  // What npm would fetch is here already.
  for (const name of readdirSync(packagePath('node_modules')))
    if (!name.startsWith('.')) symlinkSync(packagePath('node_modules', name), join(modules, name));
  writeFileSync(join(project, 'package.json'), '{ "name": "theirs", "type": "module" }');
  writeFileSync(join(project, 'mine.test.ts'), TEST);

  const compiled = spawnSync(
    process.execPath,
    [
      packagePath('node_modules/typescript/bin/tsc'),
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--skipLibCheck',
      'mine.test.ts',
    ],
    { cwd: project, encoding: 'utf8' },
  );
  t.equal(compiled.status, 0, compiled.status === 0 ? 'it compiles' : compiled.stdout);
  const ran = spawnSync(process.execPath, ['mine.test.js'], {
    cwd: project,
    env: { ...env, TAP: '1' },
    encoding: 'utf8',
  });
  t.equal(ran.status, 0, ran.status === 0 ? 'its test passes' : ran.stdout + ran.stderr);
  t.match(ran.stdout, /ok 1 - a machine of my own/);

  writeFileSync(join(project, 'mine.yaml'), SCENARIO);
  const command = spawnSync(process.execPath, [join(modules, 'snapback-rig/tools/snapback.mjs'), 'run', 'mine.yaml'], {
    cwd: project,
    env,
    encoding: 'utf8',
  });
  t.equal(command.status, 0, command.status === 0 ? 'the command works' : command.stdout + command.stderr);
  t.match(command.stdout, /^PASS {2}mine/);
});
