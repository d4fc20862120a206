// SPDX-License-Identifier: MIT
/**
 * The kernel developer's loop on the kernel's own source, as far as the series, its checks and its selftests need it. The soak runs the
 * selftests on kernels that make mistakes, and in QEMU.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { exportSeries } from '../../guest-kernel/series.js';
import { findSource } from '../../guest-kernel/source.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';
import { obtain } from '../../emulator/host/node/artifacts/store.js';
import { renderKtap } from '../../emulator/report/machine-readable.js';
import { renderValidationKtap } from '../../emulator/validate/machine-readable.js';
import { reportWith } from '../unit/report/reports.js';
import { compared, LOST, result, validation } from '../unit/validate/validations.js';
import { context } from './cycle-support.js';
import { KUNIT, mutants, NO_NVME, openSeries, patches, PROGRAMS, selftestsPass } from './series.js';

/** What checkpatch says of the series in `tree`. It is asked again when the series, its own source or how it is called has changed. */
async function verdictOfCheckpatch(): Promise<string> {
  const tool = packagePath('tools/kernel.ts');
  const calls = [tool, packagePath('guest-kernel/checkpatch.ts')];
  const inputs = {
    series: patches.map(({ file, text }) => `${file}\n${text}`).join(''),
    source: (await findSource(context)).sha256,
    call: (await Promise.all(calls.map((file) => readFile(file, 'utf8')))).join('\n'),
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

t.test('open, regenerate: the series is written byte for byte as it was; checkpatch is content with it', async (t) => {
  await openSeries(tree);
  const again = await exportSeries(tree, context);
  t.same(
    again.map(({ file }) => file),
    patches.map(({ file }) => file),
  );
  for (const [index, { file, text }] of patches.entries()) t.ok(again[index]?.text === text, file);

  const stdout = await verdictOfCheckpatch();
  t.match(stdout, new RegExp(`checkpatch is content with ${patches.length} patches`));
});

/** In the folder of kunit.py: prints of each test its name and state, below that in which it is. */
const READ_KTAP = `
import io, json, sys
sys.stdout, out = io.StringIO(), sys.stdout
import kunit_parser
def of(test): return [test.name, test.status.name, [of(one) for one in test.subtests]]
test = kunit_parser.parse_run_tests(sys.stdin)
print(json.dumps([of(test), test.counts.errors]), file=out)
`;

t.test("the kernel's own parser reads what is written as KTAP", async (t) => {
  const read = async (text: string): Promise<unknown> => {
    const { stdout } = await command('python3', ['-B', '-c', READ_KTAP], context, {
      cwd: join(tree, KUNIT),
      input: text,
      env: { PYTHONPATH: '.' },
    });
    return JSON.parse(stdout);
  };
  const HOSTILE = 'x # SKIP\nok 2 forged';
  const validated = validation(
    [
      compared('good', result(), result()),
      compared(HOSTILE, result(), result([LOST])),
      compared('before', result([LOST]), result([LOST])),
    ],
    { notRun: ['late'], warnings: ['a.c:1: warning: not ok 1 build'] },
  );
  t.match(await read(renderValidationKtap(validated)), [
    [
      /./,
      'FAILURE',
      [
        [
          'snapback validate',
          'FAILURE',
          [
            ['build', 'SUCCESS', []],
            ['good', 'SUCCESS', []],
            [/^x .*SKIP.*forged$/, 'FAILURE', []],
            ['before', 'SKIPPED', []],
            ['late', 'SKIPPED', []],
          ],
        ],
      ],
    ],
    0,
  ]);
  const lost = { ...reportWith([LOST]), replay: HOSTILE };
  t.match(await read(renderKtap([lost, reportWith([])])), [
    [
      /./,
      'FAILURE',
      [
        [/./, 'FAILURE'],
        [/./, 'SUCCESS'],
      ],
    ],
    0,
  ]);
});

t.test('each mutant applies to the series', async (t) => {
  t.ok(mutants.length > 0);
  for (const file of mutants) {
    const { stderr } = await command('git', ['-C', tree, 'apply', '--check', '--verbose', file], context);
    t.match(stderr, 'Checking patch', file);
  }
});

t.test("the series' selftests pass on the kernel of the series", async (t) => {
  const selftests = PROGRAMS.map((program) => ({ program, compiler: 'i686-linux-gnu-gcc' }) as const);
  await selftestsPass(t, tree, '{ seed: 1 }', selftests, NO_NVME);
});
