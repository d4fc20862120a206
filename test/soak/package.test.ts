// SPDX-License-Identifier: MIT
/** Snapback as others get it: packed and installed as a command for the whole machine. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { env, ownFolder, pack, SCENARIO } from '../e2e/packed.js';

const { tarball, files } = pack(ownFolder(t));

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
  for (const path of ['page.js', 'page.css', 'session-worker.js', 'paint-worker.js', description.workerUrl])
    t.equal((await fetch(`${url}${path}`)).status, 200, path);
  for (let waits = 0; waits < 600 && !existsSync(join(dir, 'opened')); waits++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(readFileSync(join(dir, 'opened'), 'utf8'), `${url}\n`, 'and opens it in the browser');
  server.kill('SIGINT');
  t.same(await ended, [0, null], 'until it is interrupted, which is its proper end');
});
