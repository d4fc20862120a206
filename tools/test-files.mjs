// SPDX-License-Identifier: MIT
/** Runs test files, bundled into `dist/test`, each in a process of its own, and counts their assertions. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';
import { countTap } from './tap-count.mjs';

/** The test files that take longest: they start first, so that none of them is left for the end. */
export const LONG = [
  'e2e/browser',
  'e2e/qemu',
  'e2e/snapshot-filesystems',
  'e2e/commit',
  'e2e/sys-snapshot',
  'e2e/cycle',
  'e2e/engine',
  'e2e/kernel-loop',
  'e2e/stacks',
  'e2e/determinism',
  'e2e/cycle-input',
  'e2e/suspects',
  'e2e/rollback',
  'e2e/snapshot-memory',
  'e2e/package',
  'e2e/expected',
  'e2e/chain',
  'e2e/filesystems-in-use',
  'e2e/share',
  'e2e/snapshot-broken',
  'e2e/features',
  'e2e/page-lost',
  'e2e/files',
  'e2e/freeze-order',
  'e2e/qemu-engine',
  'e2e/snapctl',
  'e2e/shell',
  'e2e/store',
  'e2e/storm',
  'e2e/disk-names',
  'e2e/cycle-broken',
  'unit/userspace/snapctl',
  'unit/cycle/run',
  'unit/userspace/selfcheck',
  'unit/disk-images/filesystems',
  'unit/userspace/build',
  'unit/verify/memory',
].map((name) => `test/${name}.test.ts`);

// Collecting garbage beside the program needs more of the processors, on which another test file runs.
const NODE_OPTIONS = ['--enable-source-maps', '--single-threaded-gc'];
/**
 * glibc asks the kernel for large pages. Machines and proofs fill hundreds of megabytes at a time, and where the host is a virtual machine
 * itself, the first access to each small page can take 20 us.
 */
const LARGE_PAGES = 'glibc.malloc.hugetlb=1';
/** A file that takes longer hangs. tap in its process gives up first, and names the test. */
const HANGS_AFTER_MS = 1_860_000;
const TAP_TIMEOUT_S = 1_800;
const groups = new Set();

/** All test files under `dir`, relative to the package. */
export function testFiles(dir) {
  return readdirSync(join(root, dir), { recursive: true })
    .filter((name) => /\.test\.tsx?$/.test(name))
    .map((name) => join(dir, name))
    .sort();
}

/** The kernels that these test files boot, as far as their texts tell: release for i386, and others that they name. */
export function kernelsOf(files) {
  const texts = files.map((file) => readFileSync(join(root, file), 'utf8'));
  const named = (pattern) => texts.some((text) => pattern.test(text));
  return [
    { flavour: 'release', arch: 'i386' },
    ...(named(/\bx86_64\b/) ? [{ flavour: 'release', arch: 'x86_64' }] : []),
    ...(named(/\bkernel: debug\b/) ? [{ flavour: 'debug', arch: 'i386' }] : []),
  ];
}

/** The files in an order in which no long one is left for the end. */
export function longFirst(files) {
  return [...LONG.filter((file) => files.includes(file)), ...files.filter((file) => !LONG.includes(file))];
}

/** Sends a signal to all test files that are running, and to what they have started. */
export function endTestFiles(signal) {
  for (const group of groups) signalGroup(group, signal);
}

/**
 * Runs one test file. With a folder `coverageDir`, V8 writes there what was executed. Answers the counts, the seconds of real time and of
 * processors that the file and its processes have needed, and a text: a line about it, what it wrote to stderr, and all that its TAP
 * says of failures.
 */
export async function runTestFile(file, { bundle = bundleOf(file), coverageDir, hangsAfterMs = HANGS_AFTER_MS } = {}) {
  const { NODE_V8_COVERAGE: _, ...inherited } = process.env;
  const env = {
    GLIBC_TUNABLES: LARGE_PAGES,
    ...inherited,
    TAP_TIMEOUT: String(TAP_TIMEOUT_S),
    ...(coverageDir && { NODE_V8_COVERAGE: coverageDir }),
  };
  const startedMs = Date.now();
  const { status, output, errors, times, hung } = await inGroup(
    [process.execPath, ...NODE_OPTIONS, bundle],
    env,
    hangsAfterMs,
  );
  const counts = countTap(status, output);
  const seconds = (Date.now() - startedMs) / 1000;
  const processorSeconds = secondsOf(times);
  const failed = counts.fail > 0;
  const needed = `${seconds.toFixed(1)} s, ${processorSeconds.toFixed(1)} s of processors`;
  const lines = [`${failed ? 'not ok' : 'ok'} ${file}  ${needed}`, errors.trimEnd(), failed ? failuresIn(output) : ''];
  if (hung) lines.push(`it was ended, because it ran for more than ${hangsAfterMs / 1000} s`);
  else if (failed && !/^ *not ok/m.test(output)) lines.push(`it ended with ${status} and without a failed assertion`);
  return { counts, seconds, processorSeconds, text: lines.filter((line) => line !== '').join('\n') };
}

function bundleOf(file) {
  return join(root, 'dist', file.replace(/\.tsx?$/, '.mjs'));
}

/** Runs a program in a process group of its own. `times` is what `times` of the shell says. */
function inGroup(command, env, hangsAfterMs) {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', '"$@" 3>&-; status=$?; times >&3; exit $status', 'sh', ...command], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    groups.add(child.pid);
    const texts = ['', '', '', ''];
    for (const fd of [1, 2, 3]) child.stdio[fd].setEncoding('utf8').on('data', (text) => (texts[fd] += text));
    let hung = false;
    const watchdog = setTimeout(() => {
      hung = true;
      signalGroup(child.pid, 'SIGKILL');
    }, hangsAfterMs);
    child.on('close', (code, signal) => {
      clearTimeout(watchdog);
      groups.delete(child.pid);
      resolve({ status: code ?? signal, output: texts[1], errors: texts[2], times: texts[3], hung });
    });
  });
}

function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** User and system time of the processes that a shell has waited for: the second line of its `times`. */
function secondsOf(times) {
  const ofChildren = times.split('\n')[1] ?? '';
  return [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0);
}

/** Of a TAP stream, what it says of failures. */
function failuresIn(text) {
  let inFailure = false;
  let inDiagnosis = false;
  const shown = text.split('\n').filter((line) => {
    const point = /^ *(not )?ok\b/.exec(line);
    if (point) inFailure = point[1] !== undefined;
    if (/^ *---$/.test(line)) inDiagnosis = true;
    const show = inFailure && (point || inDiagnosis);
    if (/^ *\.\.\.$/.test(line)) inDiagnosis = false;
    return show;
  });
  return shown.join('\n');
}
