// SPDX-License-Identifier: MIT
/** The kernel developer's loop on the kernel's own source, as far as the series, its checks and its selftest need it. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
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
const MUTANTS = packagePath('test/mutants');
const mutants = (await readdir(MUTANTS)).filter((file) => file.endsWith('.patch')).map((file) => join(MUTANTS, file));
const added = new Set(
  patches.flatMap(({ text }) => [...text.matchAll(/^--- \/dev\/null\n\+\+\+ b\/(\S+)$/gm)].map(([, file]) => file)),
);
const files = [
  ...new Set([
    ...TOP_FILES,
    ...CHECKPATCH,
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

/** What checkpatch says of the series in `tree`. It is asked again when the series, its own source or how it is called has changed. */
async function verdictOfCheckpatch(): Promise<string> {
  const tool = packagePath('tools/kernel.ts');
  const inputs = {
    series: patches.map(({ file, text }) => `${file}\n${text}`).join(''),
    source: (await findSource(context)).sha256,
    call: await readFile(tool, 'utf8'),
  };
  const build = async (into: string): Promise<void> => {
    const { stdout } = await command(
      process.execPath,
      [packagePath('tools/run.mjs'), tool, 'checkpatch', tree],
      context,
      {
        cwd: packagePath(),
        env: { NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
      },
    );
    await writeFile(join(into, 'verdict'), stdout);
  };
  const { dir } = await obtain({ name: 'checkpatch', inputs, build }, context);
  return readFile(join(dir, 'verdict'), 'utf8');
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

  const stdout = await verdictOfCheckpatch();
  t.match(stdout, new RegExp(`checkpatch is content with ${patches.length} patches`));
});

t.test('each mutant applies to the series', async (t) => {
  t.ok(mutants.length > 0);
  for (const file of mutants) {
    const { stderr } = await command('git', ['-C', tree, 'apply', '--check', '--verbose', file], context);
    t.match(stderr, 'Checking patch', file);
  }
});

/** Each leaves nothing behind but the last one, whose live timeline ends with its boot. */
const PROGRAMS = ['rollback', 'preserved', 'guards', 'stores', 'frozen', 'commit', 'snapshot'] as const;
type Program = (typeof PROGRAMS)[number];

/** What a disk of a machine does not take: each machine has one kind of disk. */
const NO_NVME = ['disk_below.nvme.cannot_be_written'];
const NO_SCSI = ['disk_below.scsi.cannot_be_written'];

/** A selftest of the series, as a program for one of the kernel's interfaces. */
interface Selftest {
  readonly program: Program;
  readonly compiler: 'i686-linux-gnu-gcc' | 'x86_64-linux-gnu-gcc';
  /** How many pages a test of memory has, instead of the number in its source. */
  readonly pages?: number;
}
const nameOf = ({ program, compiler }: Selftest): string => `${program}-${compiler.split('-', 1).join('')}`;

/** Compiles selftests of the series in the folder `dir`, without a warning. */
async function compileSelftests(dir: string, selftests: readonly Selftest[]): Promise<void> {
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
const runOf = (name: string, before: string, exit: number): string =>
  `  - run: { timeout: 60 s, exit: ${exit}, command: '${before}${ENVIRONMENT} /root/${name} > /run/out 2>&1; status=$?; cat /run/out; exit $status' }\n`;

/** Runs these selftests on `machine`, one after the other: all of their plan must pass, and nothing may be skipped but `skipped`. */
async function selftestsPass(
  t: Test,
  machine: string,
  selftests: readonly Selftest[],
  skipped: readonly string[],
): Promise<void> {
  const dir = t.testdir({});
  await compileSelftests(dir, selftests);
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

t.test("the series' selftests pass on the kernel of the series", async (t) => {
  const selftests = PROGRAMS.map((program) => ({ program, compiler: 'i686-linux-gnu-gcc' }) as const);
  await selftestsPass(t, '{ seed: 1 }', selftests, NO_NVME);
});

/** A mistake of the kernel, the selftest that must notice it, and what it must say. */
const NOTICED = [
  ['leave-unguarded', 'guards', 'not ok 2 guards.a_partition_made_in_the_live_timeline'],
  ['keep-store', 'rollback', 'not ok 1 rollback.what_the_live_timeline_did_is_gone'],
  ['leave-writable', 'preserved', 'not ok 1 memory.written.is_as_at_the_snapshot'],
] as const;

t.test('they fail on a kernel that makes mistakes', async (t) => {
  const dir = t.testdir({});
  const selftests = NOTICED.map(([, program]) => {
    // A mistake strikes the page in the middle of those of all programs. With 16 MiB, that is one of the test's.
    const more = program === 'preserved' ? { pages: 4096 } : {};
    return { program, compiler: 'i686-linux-gnu-gcc', ...more } as const;
  });
  await compileSelftests(dir, selftests);
  const steps = selftests.map((selftest, index) => {
    const [mistake] = NOTICED[index] ?? [];
    const before = `echo ${mistake} > /sys/module/rig/parameters/break; `;
    return `  - boot\n${runOf(nameOf(selftest), before, 1)}  - cutPower\n`;
  });
  const { outcome } = await runText(
    dir,
    `name: selftests of a broken kernel
machine: { seed: 1 }
control: false
files:
${selftests.map((selftest) => `  - { from: ${nameOf(selftest)}, to: /root/${nameOf(selftest)}, mode: '0755' }\n`).join('')}steps:
${steps.join('')}`,
  );
  t.equal(outcome.main.commands.length, NOTICED.length);
  for (const [index, [mistake, , said]] of NOTICED.entries())
    t.ok(outcome.main.commands[index]?.stdout.split('\n').includes(said), `${mistake}: ${said}`);
});

// A kernel of one's own is one for i386. Snapshots take long there, so each program runs once.
t.test('on x86_64 with two processors and NVMe disks, native and 32-bit ones pass', { skip: ownKernel }, async (t) => {
  const selftests = [
    { program: 'guards', compiler: 'x86_64-linux-gnu-gcc' },
    { program: 'commit', compiler: 'i686-linux-gnu-gcc' },
    { program: 'snapshot', compiler: 'x86_64-linux-gnu-gcc' },
  ] as const;
  await selftestsPass(
    t,
    '{ engine: qemu, arch: x86_64, processors: 2, memory: 640 MiB, diskBus: nvme }',
    selftests,
    NO_SCSI,
  );
});
