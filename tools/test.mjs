// SPDX-License-Identifier: MIT
/**
 * `npm test`: sets up, builds what the end-to-end tests boot, and runs format and types, then tap: unit tests (with coverage), then
 * end-to-end tests. `npm test -- FILE...` runs just these. The last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root, SetupError, setUp } from './setup.mjs';
import { addCounts, countTap } from './tap-count.mjs';

const command = join(root, 'tools/snapback.mjs');
const children = new Set();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // The children share our terminal, but not a signal that was sent to us alone.
    interrupted = true;
    for (const child of children) child.kill(signal);
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`snapback: ${error instanceof SetupError ? error.message : `cannot set up: ${error.message}`}`);
  process.exitCode = 3;
}
if (interrupted) process.exitCode = 130;

async function main(named) {
  await setUp();
  const unit = named.length > 0 ? named.filter((file) => !isE2e(file)) : testFiles('test/unit');
  const e2e = named.length > 0 ? named.filter(isE2e) : testFiles('test/e2e');
  // The unit tests, too, use tools of the host. Those that miss one say so.
  await run(process.execPath, [command, 'doctor', '--cure']);
  let failedToBuild = false;
  const counts = { pass: 0, fail: 0, skip: 0, skips: [] };
  if (named.length === 0) {
    addCounts(counts, await look('format', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'));
    addCounts(counts, await look('types', 'typescript/bin/tsc', '-p', '.'));
  }
  if (unit.length > 0 && !interrupted) addCounts(counts, await tap('unit tests', unit, ['--allow-empty-coverage']));
  if (e2e.length > 0 && !interrupted) {
    // Minutes when kernels have changed: for named tests, only what they boot.
    const all = named.length === 0 || e2e.some((file) => /debug-kernel|reproducible/.test(file));
    const x86_64 = e2e.some((file) => /qemu\.test|kernel-loop/.test(file)) ? [['--arch', 'x86_64']] : [];
    for (const options of all ? [['--tests']] : [[], ...x86_64])
      failedToBuild ||= (await run(process.execPath, [command, 'build', ...options])) !== 0;
    // Two at a time: most of what a test boots uses one processor.
    if (!failedToBuild && !interrupted)
      addCounts(counts, await tap('end-to-end tests', e2e, ['--disable-coverage', '--jobs=2']));
  }
  if (failedToBuild) {
    console.log('what the end-to-end tests boot could not be built: they did not run');
    counts.fail += e2e.length;
  }
  console.log('');
  for (const skipped of counts.skips) console.log(`skipped: ${skipped}`);
  console.log(`${counts.pass} passed, ${counts.fail} failed${counts.skip > 0 ? `, ${counts.skip} skipped` : ''}`);
  return counts.fail === 0 && counts.pass > 0 ? 0 : 1;
}

/** The verdict of a program of an npm package on the sources, counted as one test. */
async function look(title, program, ...args) {
  console.log(`
${title}`);
  const status = await run(process.execPath, [join(root, 'node_modules', program), ...args]);
  return { pass: status === 0 ? 1 : 0, fail: status === 0 ? 0 : 1, skip: 0, skips: [] };
}

function isE2e(file) {
  return file.includes('test/e2e/');
}

function testFiles(dir) {
  const entries = readdirSync(join(root, dir), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

async function tap(title, files, options) {
  console.log(`\n${title}: ${files.length} files`);
  const outDir = join(root, 'dist/tap');
  mkdirSync(outDir, { recursive: true });
  const output = join(outDir, `${title.replaceAll(' ', '-')}.tap`);
  rmSync(output, { force: true });
  const program = join(root, 'node_modules/tap/dist/esm/run.mjs');
  // With a terminal tap draws its own picture; without one its stream is shown in part.
  if (process.stdout.isTTY) {
    return countTap(
      await run(process.execPath, [program, '--reporter=base', `--output-file=${output}`, ...options, ...files]),
      readIfThere(output),
    );
  }
  const show = plainLines();
  const lines = [];
  const status = await run(process.execPath, [program, '--reporter=tap', ...options, ...files], (line) => {
    lines.push(line);
    show(line);
  });
  return countTap(status, lines.join('\n'));
}

/** Shows of a TAP stream what a log needs: one line per file, and all that is said of a failure. */
function plainLines() {
  let inFailure = false;
  let inDiagnosis = false;
  return (line) => {
    const point = /^( *)(not )?ok\b/.exec(line);
    if (point) inFailure = point[2] !== undefined;
    if (/^ *---$/.test(line)) inDiagnosis = true;
    const summary = /^# \{ total|^# (time|failed)/.test(line);
    const coverage = /^ *(File|All files|-+\|)|^ .*\|.*\|/.test(line);
    if ((point && (point[1] === '' || inFailure)) || (inFailure && inDiagnosis) || summary || coverage)
      console.log(line);
    if (/^ *\.\.\.$/.test(line)) inDiagnosis = false;
  };
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Runs a program; `onLine` gets its output line by line, which otherwise goes to ours. */
function run(program, args, onLine) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', onLine ? 'pipe' : 'inherit', 'inherit'] });
    children.add(child);
    if (onLine) createInterface({ input: child.stdout }).on('line', onLine);
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
