// SPDX-License-Identifier: MIT
/** What `npm test` and `npm run check` share: some tests at a time, and the count of all assertions. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { root } from './setup.mjs';
import { addCounts } from './tap-count.mjs';
import { endTestFiles, longFirst, runTestFile } from './test-files.mjs';

/**
 * Most tests use one processor at a time, and some mostly wait: three keep two processors busy. Each may need 3 GB.
 */
const AT_ONCE = totalmem() > 10e9 ? 3 : 2;
/** So many files are named at the end that have needed most of the processors' time. */
const SHOWN = 10;
// Both remember what they have found about files that have not changed since.
const FORMAT = [
  'prettier/bin/prettier.cjs',
  '--check',
  '--log-level=warn',
  '--cache',
  `--cache-location=${join(root, 'dist/format')}`,
  '--cache-strategy=content',
  '.',
];
const TYPES = ['typescript/bin/tsc', '-p', '.', '--incremental', '--tsBuildInfoFile', join(root, 'dist/types.json')];
const coverageDir = join(root, 'dist/coverage');
const children = new Set();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // The children may share our terminal, but not a signal that was sent to us alone.
    interrupted = true;
    for (const child of children) child.kill(signal);
    endTestFiles(signal);
    process.exitCode = 130;
  });
}

/**
 * Runs test files, and with `looks` the checks of format and types. `coverage` measures and shows what the unit tests execute. The
 * end-to-end tests wait for `prepare`, and do not run if it answers false. Answers the exit status; the last line is `N passed,
 * N failed`.
 */
export async function runTests({ looks = false, coverage = false, unit, e2e, prepare = () => true }) {
  const { buildTests } = await import('../esbuild.config.mjs');
  await buildTests([...unit, ...e2e]);
  const counts = { pass: 0, fail: 0, skip: 0, skips: [] };
  const times = [];
  const test = (file, options) => async () => {
    const { counts: more, processorSeconds, text } = await runTestFile(file, options);
    addCounts(counts, more);
    times.push({ file, processorSeconds });
    console.log(text);
  };
  const look =
    (title, ...args) =>
    async () =>
      addCounts(counts, await verdict(title, args));
  console.log(`\nunit tests: ${unit.length} files, end-to-end tests: ${e2e.length} files`);
  if (coverage) emptyFolder(coverageDir);
  const prepared = e2e.length > 0 ? prepare() : true;
  await someAtATime([
    ...(looks ? [look('types', ...TYPES), look('format', ...FORMAT)] : []),
    ...longFirst(unit).map((file) => test(file, coverage ? { coverageDir } : {})),
  ]);
  // It takes seconds of one processor, beside the first end-to-end tests.
  const covered =
    coverage && !interrupted ? output(process.execPath, [join(root, 'tools/coverage.mjs'), coverageDir]) : undefined;
  if (await prepared) await someAtATime(longFirst(e2e).map((file) => test(file)));
  else if (!interrupted) {
    console.log('what the end-to-end tests boot could not be built: they did not run');
    counts.fail += e2e.length;
  }
  const coverageEnd = await covered;
  if (coverageEnd) {
    console.log(coverageEnd.text);
    if (coverageEnd.status !== 0) counts.fail++;
  }
  if (times.length > SHOWN) showTimes(times);
  console.log('');
  for (const skipped of counts.skips) console.log(`skipped: ${skipped}`);
  console.log(`${counts.pass} passed, ${counts.fail} failed${counts.skip > 0 ? `, ${counts.skip} skipped` : ''}`);
  if (interrupted) return 130;
  return counts.fail === 0 && counts.pass > 0 ? 0 : 1;
}

/** Runs jobs in their order, AT_ONCE of them at a time; after an interruption, none begins any more. */
async function someAtATime(jobs) {
  const left = [...jobs];
  const worker = async () => {
    for (let job = left.shift(); job !== undefined && !interrupted; job = left.shift()) await job();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The verdict of a program of an npm package on the sources, counted as one test. */
async function verdict(title, [program, ...args]) {
  const { status, text } = await output(process.execPath, [join(root, 'node_modules', program), ...args]);
  console.log(`${status === 0 ? 'ok' : 'not ok'} ${title}`);
  if (text !== '') console.log(text);
  return { pass: status === 0 ? 1 : 0, fail: status === 0 ? 0 : 1, skip: 0, skips: [] };
}

/** Says how long the processors have worked, and for which files most. */
function showTimes(times) {
  const sum = times.reduce((sum, { processorSeconds }) => sum + processorSeconds, 0);
  console.log(`\nThe tests needed ${(sum / 60).toFixed(1)} min of processors; most of it:`);
  const most = [...times].sort((a, b) => b.processorSeconds - a.processorSeconds).slice(0, SHOWN);
  for (const { file, processorSeconds } of most) console.log(`  ${processorSeconds.toFixed(1).padStart(6)} s  ${file}`);
}

function emptyFolder(dir) {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
}

/** Runs a program; answers its status and what it has printed. */
async function output(program, args) {
  let text = '';
  const status = await run(program, args, (more) => (text += more));
  return { status, text: text.trimEnd() };
}

/** Runs a program and answers its status. `onOutput` gets what it prints, which otherwise goes to our own output. */
export function run(program, args, onOutput) {
  return new Promise((resolve) => {
    const to = onOutput ? 'pipe' : 'inherit';
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', to, to] });
    children.add(child);
    if (onOutput) for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', onOutput);
    child.on('error', (error) => {
      console.error(`snapback: cannot run ${program}: ${error.message}`);
      resolve(3);
    });
    child.on('close', (status) => {
      children.delete(child);
      resolve(status ?? 1);
    });
  });
}
