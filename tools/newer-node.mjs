// SPDX-License-Identifier: MIT
/**
 * Debian 12's own Node is 18, too old for Snapback and for packages that it uses. Where npm can be asked, a newer Node is fetched as an
 * npm package, for Snapback alone, and the command is run again by it. Plain JavaScript that old versions of Node understand.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const NODE_MAJOR_MIN = 20;
const VERSION = '22.23.3';
const PACKAGE = `node-${process.platform}-${process.arch}@${VERSION}`;

/** True when this Node is new enough. */
export function isNodeNewEnough(version = process.versions.node) {
  return Number(version.split('.')[0]) >= NODE_MAJOR_MIN;
}

/**
 * Where a newer Node is put: into the package's folder `root`, or into the cache where that folder belongs to somebody else, as that of a
 * package which root has installed for all.
 */
function homeOfNode(root, env = process.env) {
  const own = join(root, '.node');
  if (existsSync(own)) return own;
  try {
    mkdirSync(own);
    return own;
  } catch {
    const caches = env.XDG_CACHE_HOME || join(homedir(), '.cache');
    return resolve(env.SNAPBACK_CACHE || join(caches, 'snapback'), 'node');
  }
}

/**
 * Runs this very command with a newer Node, fetched when it is not there, and ends the process with its status.
 * Throws an Error whose message names the command that cures it when no newer Node can be had.
 */
export async function runAgainOnNewerNode(root) {
  const place = join(homeOfNode(root), VERSION);
  const node = join(place, 'node_modules', PACKAGE.split('@')[0], 'bin', 'node');
  if (!existsSync(node)) {
    console.error(
      `snapback: Node ${process.versions.node} is too old; fetching Node ${VERSION} for Snapback alone (once, about 40 MB) ...`,
    );
    await fetchNode(place);
    if (!existsSync(node)) throw new Error(tooOld(`${PACKAGE} holds no ${node}`));
  }
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // Signals of a terminal reach both; those that were sent to us alone are handed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const status = await new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`snapback: ${tooOld(error.message)}`);
      resolve(3);
    });
    child.on('close', (code) => resolve(code === null ? 130 : code));
  });
  process.exit(status);
}

/** Installed aside and moved into its place whole. */
async function fetchNode(place) {
  const partial = `${place}.${process.pid}`;
  try {
    mkdirSync(partial, { recursive: true });
    const args = [
      'install',
      '--prefix',
      partial,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
      '--loglevel=error',
      PACKAGE,
    ];
    const [status, output] = await new Promise((resolve) => {
      const child = spawn('npm', args, { cwd: partial, stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      child.stdout.on('data', (chunk) => (text += chunk));
      child.stderr.on('data', (chunk) => (text += chunk));
      child.on('error', (error) => resolve([1, error.message]));
      child.on('close', (code) => resolve([code, whatNpmSays(text)]));
    });
    if (status !== 0) throw new Error(tooOld(output));
    rmSync(place, { recursive: true, force: true });
    renameSync(partial, place);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** What npm prints of an error, without its stack and advice. */
export function whatNpmSays(output) {
  const lines = output
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !/^npm error(?: *[{}]?$| {2,})|complete log of this run/.test(line));
  return lines.slice(0, 8).join('\n');
}

function tooOld(because) {
  return `Snapback needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.versions.node}, and npm could not bring ${PACKAGE}\n  because: ${because}\n  what to do: npm install --global n && n ${VERSION.split('.')[0]}   (as root; or install Node from https://nodejs.org)`;
}
