// SPDX-License-Identifier: MIT
/** Snapback as others get it: packed, unpacked into a project elsewhere, imported by its name there, with its types. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import t, { type Test } from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';

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

const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' };
const SCENARIO = 'name: mine\ncontrol: false\nsteps: [boot, { run: { command: uname -s, stdout: ^Linux$ } }]\n';

/** A folder of the test's own, outside the checkout. */
function ownFolder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'snapback-project-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The packed package, and what is in it. */
function pack(dir: string): { readonly tarball: string; readonly files: readonly string[] } {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', dir], {
      cwd: packagePath(),
      env,
      encoding: 'utf8',
    }),
  ) as [{ filename: string; files: readonly { path: string }[] }];
  return { tarball: join(dir, packed.filename), files: packed.files.map(({ path }) => path) };
}

const { tarball, files } = pack(ownFolder(t));

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

t.test('a command for the whole machine', async (t) => {
  const dir = ownFolder(t);
  const inputs = execFileSync('git', ['ls-files', 'guest-kernel', 'disk-images', 'test/scenarios'], {
    cwd: packagePath(),
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !file.endsWith('.ts'));
  t.ok(inputs.length > 100);
  t.same(
    inputs.filter((file) => !files.includes(file)),
    [],
    'all that kernel, guest programs and disks are made of is in the package',
  );

  const prefix = join(dir, 'prefix');
  const install = ['install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund'];
  execFileSync('npm', [...install, '--loglevel=error', tarball], { cwd: dir, env });
  const installed = join(prefix, 'lib/node_modules/snapback-rig');
  t.notOk(existsSync(join(installed, 'node_modules/esbuild')), 'bundles are made when packing');
  writeFileSync(join(dir, 'mine.yaml'), SCENARIO);
  const snapback = (...args: readonly string[]) =>
    spawnSync('snapback', args, {
      cwd: dir,
      env: { ...env, PATH: `${join(prefix, 'bin')}${delimiter}${env['PATH'] ?? ''}` },
      encoding: 'utf8',
    });
  const ran = snapback('run', 'mine.yaml', '--json', 'report.json');
  t.equal(ran.status, 0, ran.status === 0 ? 'it runs a scenario' : ran.stdout + ran.stderr);
  const { replay } = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')) as { replay: string };
  t.equal(replay, 'snapback run mine.yaml --seed 1', 'the report says what to type here');
  t.equal(
    spawnSync('sh', ['-c', replay], { cwd: dir, env: { ...env, PATH: `${join(prefix, 'bin')}:${env['PATH'] ?? ''}` } })
      .status,
    0,
  );
  const again = snapback('replay', 'report.json');
  t.match(again.stdout, /the same run/);
  const doctor = snapback('doctor');
  t.equal(doctor.status, 0);
  t.notMatch(doctor.stdout, /tests|benchmark/, 'a package has none');
  t.equal(snapback('clean', '--dry-run').status, 0);

  // A browser that only notes what it is to open.
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'xdg-open'),
    `#!/bin/sh\necho "$1" > '${dir}/partial' && mv '${dir}/partial' '${dir}/opened'\n`,
    { mode: 0o755 },
  );
  const server = spawn('snapback', ['serve', 'mine.yaml', '--port', '0', '--open'], {
    cwd: dir,
    env: { ...env, PATH: [bin, join(prefix, 'bin'), env['PATH'] ?? ''].join(delimiter) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  t.teardown(() => server.kill('SIGKILL'));
  const [said] = (await Promise.race([once(server.stdout, 'data'), ended])) as [unknown];
  const url = /^the machine is at (http:\S+);/.exec(String(said))?.[1] ?? '';
  t.not(url, '', 'it serves the page');
  t.match(await (await fetch(url)).text(), '<script type="module" src="page.js">');
  const description = (await (await fetch(`${url}machine/machine.json`)).json()) as { workerUrl: string };
  for (const path of ['page.js', 'page.css', 'session-worker.js', description.workerUrl])
    t.equal((await fetch(`${url}${path}`)).status, 200, path);
  for (let waits = 0; waits < 600 && !existsSync(join(dir, 'opened')); waits++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(readFileSync(join(dir, 'opened'), 'utf8'), `${url}\n`, 'and opens it in the browser');
  server.kill('SIGINT');
  t.same(await ended, [0, null], 'until it is interrupted, which is its proper end');
});
