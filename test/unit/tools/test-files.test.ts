// SPDX-License-Identifier: MIT
/** How test files are run: each in processes of its own, which end, and none of whose failures is lost. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { KERNELS_OF_TESTS } from '../../../tools/cli/build.js';
import { kernelsOf, longFirst, LONG, runTestFile, testFiles, type TestFileEnd } from '../../../tools/test-files.mjs';

const run = (t: Test, program: string, hangsAfterMs?: number): Promise<TestFileEnd> =>
  runTestFile('x.test.ts', {
    bundle: join(t.testdir({ 'x.mjs': program }), 'x.mjs'),
    ...(hangsAfterMs !== undefined && { hangsAfterMs }),
  });

t.test('the long files are there, and come first', (t) => {
  t.same(
    LONG.filter((file) => !existsSync(packagePath(file))),
    [],
  );
  const files = [...testFiles('test/unit'), ...testFiles('test/e2e')];
  const ordered = longFirst(files);
  t.same(ordered.slice(0, LONG.length), LONG);
  t.same([...ordered].sort(), [...files].sort());
  t.end();
});

t.test('every test file is run, whatever it is written in', (t) => {
  const there = readdirSync(packagePath('test'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.test\.\w+$/.test(name),
  );
  t.same(
    ['test/unit', 'test/e2e', 'test/soak'].flatMap(testFiles).sort(),
    there.map((name) => join('test', name)).sort(),
  );
  t.ok(there.some((name) => name.endsWith('.tsx')));
  t.end();
});

t.test('the kernels that a test file boots', (t) => {
  const release = { flavour: 'release', arch: 'i386' };
  t.same(kernelsOf(['test/e2e/cycle.test.ts']), [release]);
  t.same(kernelsOf(['test/e2e/cycle.test.ts', 'test/e2e/qemu.test.ts']), [
    release,
    { flavour: 'release', arch: 'x86_64' },
  ]);
  t.same(kernelsOf(['test/soak/debug-kernel.test.ts']), [release, { flavour: 'debug', arch: 'i386' }]);
  t.end();
});

t.test('no file of npm test boots a kernel that it does not build', (t) => {
  t.same(kernelsOf(testFiles('test/e2e')), KERNELS_OF_TESTS);
  t.end();
});

t.test('assertions that pass, and those that do not', async (t) => {
  const good = await run(t, "console.log('    ok 1 - a\\n    ok 2 - b\\nok 1 - both');");
  t.match(good, { counts: { pass: 2, fail: 0 }, text: /^ok x.test.ts  \d+\.\d s, \d+\.\d s of processors$/ });
  const bad = await run(t, "console.log('ok 1 - a\\nnot ok 2 - b\\n  ---\\n  why: no\\n  ...'); process.exitCode = 1;");
  t.match(bad, {
    counts: { pass: 1, fail: 1 },
    text: /^not ok x.test.ts .*\nnot ok 2 - b\n {2}---\n {2}why: no\n {2}\.\.\.$/,
  });
});

t.test('a file that crashes, or ends badly after its assertions', async (t) => {
  t.match(await run(t, "throw new Error('no');"), { counts: { fail: 1 }, text: /Error: no[^]*it ended with 1 and/ });
  t.match(await run(t, "console.log('ok 1'); process.kill(process.pid, 'SIGKILL');"), {
    counts: { fail: 1 },
    text: /it ended with 137 and without a failed assertion$/,
  });
});

t.test('a file that hangs is ended, with what it has started, and the time of its processes is counted', async (t) => {
  const sleeper = "import { spawn } from 'node:child_process'; spawn('sleep', ['600'], { stdio: 'inherit' });";
  t.match(await run(t, sleeper, 1_000), {
    counts: { fail: 1 },
    text: /it was ended, because it ran for more than 1 s$/,
  });
  const worker =
    "import { execFileSync } from 'node:child_process'; execFileSync(process.execPath, ['-e', 'let i = 0; while (process.cpuUsage().user < 400_000) i++']);";
  t.ok((await run(t, worker)).processorSeconds >= 0.4);
});
