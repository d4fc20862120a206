// SPDX-License-Identifier: MIT
/** The kernel developer's loop on the kernel's own source, as far as the series, its checks and its selftest need it. */
import { cp, mkdir } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { exportSeries, openTree, readSeries, touchedFiles } from '../../guest-kernel/series.js';
import { findSource, obtainSource } from '../../guest-kernel/source.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';
import { obtain } from '../../emulator/host/node/artifacts/store.js';
import { context, runText } from './cycle-support.js';

/** By these checkpatch knows a kernel tree, and git how a C file is divided. */
const TOP_FILES = [
  '.gitattributes',
  'COPYING',
  'CREDITS',
  'Kbuild',
  'MAINTAINERS',
  'Makefile',
  'README',
  '.clang-format',
];
const TOP_FOLDERS = ['Documentation', 'arch', 'include', 'drivers', 'fs', 'init', 'ipc', 'kernel', 'lib', 'scripts'];
const CHECKPATCH = ['scripts/checkpatch.pl', 'scripts/spelling.txt', 'scripts/const_structs.checkpatch'];
const SELFTESTS = 'tools/testing/selftests';

const patches = await readSeries(packagePath('guest-kernel', 'patches'));
const added = new Set(
  patches.flatMap(({ text }) => [...text.matchAll(/^--- \/dev\/null\n\+\+\+ b\/(\S+)$/gm)].map(([, file]) => file)),
);
const files = [
  ...new Set([
    ...TOP_FILES,
    ...CHECKPATCH,
    `${SELFTESTS}/kselftest.h`,
    ...patches.flatMap(({ text }) => touchedFiles(text)),
  ]),
]
  .filter((file) => !added.has(file))
  .sort();

/** The part of the source that the series touches; unpacked once. */
async function partOfSource(): Promise<string> {
  const source = await findSource(context);
  const { dir } = await obtain(
    {
      name: 'linux-source-part',
      inputs: { source: source.sha256, files: files.join('\n') },
      build: async (into) => {
        const tarball = join((await obtainSource(source, context)).dir, `${source.package}.tar.xz`);
        await command(
          'tar',
          [
            '-x',
            '-f',
            tarball,
            '-C',
            into,
            '--strip-components=1',
            '--no-same-owner',
            ...files.map((file) => `${source.package}/${file}`),
          ],
          context,
          { env: { XZ_DEFAULTS: '-T0' } },
        );
      },
    },
    context,
  );
  return dir;
}

const tree = join(t.testdir({}), 'linux');
const ownKernel = process.env['SNAPBACK_TEST_KERNEL'] !== undefined;

t.test('open, regenerate: the series is written byte for byte as it was; checkpatch is content with it', async (t) => {
  await cp(await partOfSource(), tree, { recursive: true });
  for (const folder of TOP_FOLDERS) await mkdir(join(tree, folder), { recursive: true });
  await openTree(tree, patches, context, { whole: true });
  const again = await exportSeries(tree, context);
  t.same(
    again.map(({ file }) => file),
    patches.map(({ file }) => file),
  );
  for (const [index, { file, text }] of patches.entries()) t.ok(again[index]?.text === text, file);

  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [packagePath('tools/run.mjs'), packagePath('tools/kernel.ts'), 'checkpatch', tree],
    { encoding: 'utf8', cwd: packagePath(), env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' } },
  );
  t.equal(status, 0, status === 0 ? 'checkpatch' : stdout + stderr);
  t.match(stdout, new RegExp(`checkpatch is content with ${patches.length} patches`));
});

/** Compiles the selftest of the series in the folder `dir`, as `name`. */
async function compileSelftest(dir: string, compiler: string, name: string): Promise<void> {
  const header = join('linux', 'snapshot.h');
  await cp(join(tree, 'include', 'uapi', header), join(dir, 'include', header));
  const source = join(tree, SELFTESTS, 'snapshot', 'snapshot_test.c');
  const flags = ['-static', '-O2', '-Wall', '-I', join(dir, 'include')];
  await command(compiler, [...flags, '-o', join(dir, name), source], context);
}

/**
 * Runs each of these selftests on `machine`: all of their plan must pass, nothing may be skipped. Each leaves a live timeline,
 * which ends with its boot.
 */
async function selftestPasses(t: Test, dir: string, machine: string, ...names: readonly string[]): Promise<void> {
  const { report, outcome } = await runText(
    dir,
    `name: selftest
machine: ${machine}
control: false
files:
${names.map((name) => `  - { from: ${name}, to: /root/${name}, mode: '0755' }\n`).join('')}steps:
${names.map((name) => `  - boot\n  - run: SNAPSHOT_TEST_LIVE=1 /root/${name}\n  - shutdown\n`).join('')}`,
  );
  t.same(report.failures, [], outcome.main.commands.map(({ stdout }) => stdout).join(''));
  t.equal(outcome.main.commands.length, names.length);
  for (const { stdout } of outcome.main.commands) {
    const planned = Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1]);
    t.match(stdout, `# Totals: pass:${planned} fail:0 xfail:0 xpass:0 skip:0 error:0`, 'KTAP: all passed');
  }
}

t.test("the series' selftest passes on the kernel of the series", async (t) => {
  const dir = t.testdir({ include: { linux: {} } });
  await compileSelftest(dir, 'i686-linux-gnu-gcc', 'selftest');
  await selftestPasses(t, dir, '{ seed: 1 }', 'selftest');
});

// A kernel of one's own is one for i386.
t.test('on x86_64 with two processors, so do a native one and a 32-bit one', { skip: ownKernel }, async (t) => {
  const dir = t.testdir({ include: { linux: {} } });
  await compileSelftest(dir, 'x86_64-linux-gnu-gcc', 'native');
  await compileSelftest(dir, 'i686-linux-gnu-gcc', 'compat');
  await selftestPasses(t, dir, '{ engine: qemu, arch: x86_64, processors: 2, memory: 640 MiB }', 'native', 'compat');
});
