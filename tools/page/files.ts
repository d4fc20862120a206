// SPDX-License-Identifier: MIT
/** The files of the page with one machine, whoever delivers them: the server, or any other one from a folder. */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { packSparse } from '../../emulator/disks/sparse.js';
import type { MachineDescription, MachinePiece } from '../../emulator/host/browser/machine-files.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import type { MachineConfig } from '../../emulator/machine/contract.js';
import { RigError } from '../../emulator/machine/errors.js';

/** Files by path from the page's folder: bytes. */
export type PageFiles = ReadonlyMap<string, Uint8Array>;

const PROGRAM = ['index.html', 'page.css', 'page.js', 'machine-worker.js', 'v86.wasm'] as const;
/** For debuggers. */
const SOURCE_MAPS = ['page.css.map', 'page.js.map', 'machine-worker.js.map'] as const;

/** Most of a disk image compresses well with little work; higher levels take several times as long for a few percent. */
const GZIP_LEVEL = 4;
const compressed = promisify<Uint8Array, { level: number }, Buffer>(gzip);

/**
 * The page, with `config` as its machine, which the page runs to `marker`. The names of the machine's files contain their
 * hashes, so that no browser mixes those of two machines.
 * @throws RigError when the page has not been bundled.
 */
export async function pageFiles(config: MachineConfig, marker: number): Promise<PageFiles> {
  const files = new Map<string, Uint8Array>();
  for (const name of PROGRAM) files.set(name, await programFile(name));
  for (const name of SOURCE_MAPS) {
    const path = packagePath('dist', 'browser', name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) files.set(name, await readFile(path));
  }
  const add = async (name: string, content: Uint8Array): Promise<MachinePiece> => {
    const bytes = await compressed(content, { level: GZIP_LEVEL });
    const url = `machine/${name}-${sha256(bytes).slice(0, 16)}`;
    files.set(url, bytes);
    return { url, bytes: bytes.length };
  };
  const { bios, vgaBios, kernel, initrd, disks, share: _, ...machine } = config;
  const pieces: MachinePiece[] = [];
  for (const [disk, { base }] of disks.entries()) pieces.push(await add(`disk${disk}`, packSparse(base)));
  const description: MachineDescription = {
    machine,
    marker,
    bios: await add('bios', bios),
    vgaBios: await add('vgaBios', vgaBios),
    kernel: await add('kernel', kernel),
    ...(initrd && { initrd: await add('initrd', initrd) }),
    disks: pieces,
  };
  files.set('machine/machine.json', new TextEncoder().encode(`${JSON.stringify(description, undefined, 2)}\n`));
  return files;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function programFile(name: string): Promise<Uint8Array> {
  const path = packagePath('dist', 'browser', name);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new RigError(`cannot read a file of the page: ${path}`, {
      cause,
      remedy: 'bundle the page with `node esbuild.config.mjs` in a clone, or install the package again',
    });
  }
}
