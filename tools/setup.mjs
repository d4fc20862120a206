// SPDX-License-Identifier: MIT
/**
 * What must be there before the first line of our own TypeScript can run: the npm packages and the bundles.
 * Plain JavaScript without imports from packages, because a fresh clone has none.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isNodeNewEnough, runAgainOnNewerNode, whatNpmSays } from './newer-node.mjs';

// Upwards, since a test carries a copy of this file in its own bundle.
export const root = findRoot(dirname(fileURLToPath(import.meta.url)));
const SOURCE_DIRS = ['emulator', 'guest-kernel', 'disk-images', 'tools'];

/** An error that is shown as its message alone. */
export class SetupError extends Error {}

/** Installs the npm packages when they are missing or the lock file has changed, then bundles what has changed. */
export async function setUp() {
  await ensurePackages();
  await ensureBundles();
}

/** Installs the npm packages when they are missing or the lock file has changed. */
export async function ensurePackages() {
  await newEnough();
  // An installed package has its dependencies from npm.
  if (isInstalled()) return;
  const lock = readFileSync(join(root, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).digest('hex');
  const stamp = join(root, 'node_modules/.snapback-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const release = await lockDir(join(root, '.setup.lock'));
  try {
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
    if (!packagesMatch(lock)) {
      console.error('snapback: installing npm packages (once; about half a minute) ...');
      const startedMs = Date.now();
      await npmCi();
      console.error(`snapback: npm packages installed in ${Math.round((Date.now() - startedMs) / 1000)} s`);
    }
    writeFileSync(stamp, wanted);
  } finally {
    release();
  }
}

/** Does not come back on an old Node: a newer one does the work. */
async function newEnough() {
  if (isNodeNewEnough()) return;
  try {
    await runAgainOnNewerNode(root);
  } catch (error) {
    throw new SetupError(error.message);
  }
}

/** An installed package is not a clone: npm leaves lock files out of it, and its bundles were made when it was packed. */
function isInstalled() {
  return !existsSync(join(root, 'package-lock.json'));
}

/** True when each package of the lock file is installed in the version it names. */
function packagesMatch(lock) {
  for (const [path, entry] of Object.entries(JSON.parse(lock).packages)) {
    if (path === '' || entry.optional || entry.link) continue;
    try {
      if (
        JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).version.split('+')[0] !==
        entry.version.split('+')[0]
      )
        return false;
    } catch {
      return false;
    }
  }
  return true;
}

function npmCi() {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) =>
      reject(new SetupError(`cannot run npm: ${error.message}\n  install it with: apt-get install npm`)),
    );
    child.on('close', (status, signal) => {
      if (status === 0) resolve();
      else
        reject(
          new SetupError(
            `npm ci failed (${signal ?? `status ${status}`})\n${whatNpmSays(output)}\n  check the network and run the command again`,
          ),
        );
    });
  });
}

async function ensureBundles() {
  if (isInstalled()) return;
  const stamp = join(root, 'dist/.sources');
  const wanted = sourcesStamp();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  const release = await lockDir(join(root, 'dist/.bundle.lock'));
  try {
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
    const { buildAll } = await import('../esbuild.config.mjs');
    await buildAll();
    writeFileSync(stamp, wanted);
  } finally {
    release();
  }
}

/** Changes when any source file does: a hash over names, sizes and modification times. */
function sourcesStamp() {
  const hash = createHash('sha256');
  const add = (path) => {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  };
  for (const name of ['package.json', 'package-lock.json', 'esbuild.config.mjs']) add(join(root, name));
  for (const dir of SOURCE_DIRS) {
    if (!existsSync(join(root, dir))) continue;
    for (const entry of readdirSync(join(root, dir), { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && /\.(ts|mjs|json|html|css)$/.test(entry.name))
        add(join(entry.parentPath ?? entry.path, entry.name));
    }
  }
  return hash.digest('hex');
}

/** Makes `dir`, waiting while another living process has it; answers what removes it again. */
async function lockDir(dir) {
  const owner = join(dir, 'pid');
  for (let waits = 0; ; waits++) {
    try {
      mkdirSync(dir);
      writeFileSync(owner, String(process.pid));
      const remove = () => rmSync(dir, { recursive: true, force: true });
      process.once('exit', remove);
      return () => {
        process.removeListener('exit', remove);
        remove();
      };
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (isStale(dir, owner)) rmSync(dir, { recursive: true, force: true });
      else {
        if (waits === 20) console.error(`snapback: waiting for process ${pidIn(owner)}, which is setting up`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

function pidIn(owner) {
  try {
    return readFileSync(owner, 'utf8');
  } catch {
    return 'another';
  }
}

function isStale(dir, owner) {
  try {
    process.kill(Number.parseInt(readFileSync(owner, 'utf8'), 10), 0);
    return false;
  } catch (error) {
    if (error.code === 'EPERM') return false;
    if (error.code === 'ESRCH') return true;
    // The owner is between making the folder and naming itself, or died there.
    try {
      return Date.now() - statSync(dir).mtimeMs > 5000;
    } catch {
      return false;
    }
  }
}

function findRoot(from) {
  return existsSync(join(from, 'package.json')) || from === dirname(from) ? from : findRoot(dirname(from));
}
