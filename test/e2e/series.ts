// SPDX-License-Identifier: MIT
/** What tests of the series share: a tree of the kernel's source with its commits, and its selftests, compiled and run in a guest. */
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openTree, readSeries, touchedFiles } from '../../guest-kernel/series.js';
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
/** The parser of KTAP that kernel developers use, in a tree of {@link openSeries}. */
export const KUNIT = 'tools/testing/kunit';

/** The patches of the series. */
export const patches = await readSeries(packagePath('guest-kernel', 'patches'));
const MUTANTS = packagePath('test/mutants');
/** Paths of the patches of all mutants. */
export const mutants = (await readdir(MUTANTS))
  .filter((file) => file.endsWith('.patch'))
  .map((file) => join(MUTANTS, file));
const added = new Set(
  patches.flatMap(({ text }) => [...text.matchAll(/^--- \/dev\/null\n\+\+\+ b\/(\S+)$/gm)].map(([, file]) => file)),
);
const files = [
  ...new Set([
    ...TOP_FILES,
    ...CHECKPATCH,
    ...['parser', 'printer'].map((part) => `${KUNIT}/kunit_${part}.py`),
    `${SELFTESTS}/kselftest.h`,
    `${SELFTESTS}/kselftest_harness.h`,
    ...patches.flatMap(({ text }) => touchedFiles(text)),
    ...(await Promise.all(mutants.map((file) => readFile(file, 'utf8')))).flatMap((text) => touchedFiles(text)),
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

/** Makes `tree` a git tree of the part of the source that the series and the mutants touch, with a commit for each patch. */
export async function openSeries(tree: string): Promise<void> {
  await cp(await partOfSource(), tree, { recursive: true });
  for (const folder of TOP_FOLDERS) await mkdir(join(tree, folder), { recursive: true });
  await openTree(tree, patches, context, { whole: true });
}

/** Each leaves nothing behind but the last one, whose live timeline ends with its boot. */
export const PROGRAMS = ['rollback', 'preserved', 'guards', 'stores', 'frozen', 'commit', 'snapshot'] as const;
type Program = (typeof PROGRAMS)[number];

/** What a disk of a machine does not take: each machine has one kind of disk. */
export const NO_NVME = ['disk_below.nvme.cannot_be_written'];
export const NO_SCSI = ['disk_below.scsi.cannot_be_written'];

/** A selftest of the series, as a program for one of the kernel's interfaces. */
export interface Selftest {
  readonly program: Program;
  readonly compiler: 'i686-linux-gnu-gcc' | 'x86_64-linux-gnu-gcc';
  /** How many pages a test of memory has, instead of the number in its source. */
  readonly pages?: number;
}
/** The name of its program. */
export const nameOf = ({ program, compiler }: Selftest): string => `${program}-${compiler.split('-', 1).join('')}`;

/** Compiles selftests of the series, as it is in `tree`, in the folder `dir`, without a warning. */
export async function compileSelftests(tree: string, dir: string, selftests: readonly Selftest[]): Promise<void> {
  const include = join(dir, 'include');
  await mkdir(join(include, 'linux'), { recursive: true });
  for (const header of ['snapshot.h', 'snapshot_store.h'])
    await cp(join(tree, 'include', 'uapi', 'linux', header), join(include, 'linux', header));
  const sources = join(tree, SELFTESTS, 'snapshot');
  const flags = ['-static', '-O2', '-Wall', '-Werror', '-I', include, '-iquote', sources];
  await Promise.all(
    selftests.map((selftest) => {
      const { program, compiler, pages } = selftest;
      const defined = pages === undefined ? [] : [`-DPAGES=${pages}`];
      const output = join(dir, nameOf(selftest));
      return command(compiler, [...flags, ...defined, '-o', output, join(sources, `${program}_test.c`)], context);
    }),
  );
}

/** What the tests need: snapshots are wanted, a device for the store, and one that nobody uses. */
const ENVIRONMENT = 'SNAPSHOT_TEST_LIVE=1 SNAPSHOT_TEST_STORE=/dev/sdb1 SNAPSHOT_TEST_DEVICE=/dev/sdb3';

/** The lines of a step that runs a program in a boot of its own; its output is in memory, and so goes back as the test does. */
export const runOf = (name: string, before: string, exit: number): string =>
  `  - run: { timeout: 60 s, exit: ${exit}, command: '${before}${ENVIRONMENT} /root/${name} > /run/out 2>&1; status=$?; cat /run/out; exit $status' }\n`;

/** Runs these selftests of the series, as it is in `tree`, on `machine`, one after the other: all of their plan must pass, and nothing may be skipped but `skipped`. */
export async function selftestsPass(
  t: Test,
  tree: string,
  machine: string,
  selftests: readonly Selftest[],
  skipped: readonly string[],
): Promise<void> {
  const dir = t.testdir({});
  await compileSelftests(tree, dir, selftests);
  const names = selftests.map(nameOf);
  const { report, outcome } = await runText(
    dir,
    `name: selftests
machine: ${machine}
control: false
files:
${names.map((name) => `  - { from: ${name}, to: /root/${name}, mode: '0755' }\n`).join('')}steps:
  - boot
${names.map((name) => runOf(name, '', 0)).join('')}  - shutdown
`,
  );
  t.same(report.failures, [], outcome.main.commands.map(({ stdout }) => stdout).join(''));
  t.equal(outcome.main.commands.length, names.length);
  for (const [index, { stdout }] of outcome.main.commands.entries()) {
    const planned = Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1]);
    const skips = [...stdout.matchAll(/^ok \d+ (\S+) # SKIP/gm)].map(([, test]) => test);
    const name = names[index] ?? '';
    t.same(skips, name.startsWith('guards') ? skipped : [], `${name}: skipped`);
    t.match(
      stdout,
      `# Totals: pass:${planned - skips.length} fail:0 xfail:0 xpass:0 skip:${skips.length} error:0`,
      name,
    );
  }
}
