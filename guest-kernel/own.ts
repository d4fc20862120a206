// SPDX-License-Identifier: MIT
/** A kernel that the user has built: a tree of `tools/kernel.ts build`, or a folder with the files of a kernel. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../emulator/machine/errors.js';
import { hashFile } from '../emulator/host/node/artifacts/store.js';
import type { KernelArtifact } from './build.js';

/** The required files, with their possible places in the folder: in a kernel tree, or side by side. */
const FILES = {
  bzImage: ['arch/x86/boot/bzImage', 'bzImage'],
  'System.map': ['System.map'],
  '.config': ['.config', 'config'],
} as const;

/**
 * The kernel in `dir`.
 * @throws InputError that names a file which is missing, is no kernel, or is older than the kernel.
 */
export async function readOwnKernel(dir: string): Promise<KernelArtifact> {
  const bzImagePath = await findFile(dir, 'bzImage');
  const systemMapPath = await findFile(dir, 'System.map');
  const configPath = await findFile(dir, '.config');
  return {
    flavour: 'own',
    version: versionOf(await readFile(bzImagePath), bzImagePath),
    sourceVersion: dir,
    dir,
    bzImagePath,
    systemMapPath,
    configPath,
    sha256: await hashFile(bzImagePath),
  };
}

async function findFile(dir: string, name: keyof typeof FILES): Promise<string> {
  for (const place of FILES[name]) {
    const path = join(dir, place);
    if ((await stat(path).catch(() => undefined))?.isFile() === true) return path;
  }
  throw new InputError(`the kernel folder ${dir} has no ${FILES[name].join(' and no ')}`, {
    remedy:
      'name a tree that is built (`make ARCH=i386 bzImage`, or in a checkout of Snapback `node tools/run.mjs tools/kernel.ts build DIR`), or a folder with bzImage, System.map and .config; or one of the flavours release and debug',
  });
}

/**
 * `6.12.117`, from the header of a bzImage (Documentation/arch/x86/boot.rst: magic at 0x202, pointer to the version
 * text, less 0x200, at 0x20e).
 */
function versionOf(bzImage: Uint8Array, path: string): string {
  const view = new DataView(bzImage.buffer, bzImage.byteOffset, bzImage.byteLength);
  const isKernel = bzImage.length > 0x400 && view.getUint32(0x202, true) === 0x53726448;
  if (!isKernel)
    throw new InputError(`${path} is no bzImage of Linux`, {
      remedy: 'name the folder of a kernel built for i386 (make ARCH=i386 bzImage)',
    });
  const start = view.getUint16(0x20e, true) + 0x200;
  const text = new TextDecoder('latin1').decode(bzImage.subarray(start, start + 128));
  return text.split(/[\s\0]/, 1)[0] ?? '';
}
