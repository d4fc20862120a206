// SPDX-License-Identifier: MIT
/** A kernel that the user has built: a tree of `tools/kernel.ts build`, or a folder with the files of a kernel. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KERNEL_FLAVOURS } from '../emulator/cycle/plan.js';
import { InputError } from '../emulator/machine/errors.js';
import { hashFile } from '../emulator/host/node/artifacts/store.js';
import type { KernelArch } from './build.js';
import type { KernelArtifact } from './obtain.js';

/** The required files, with their possible places in the folder: in a kernel tree, or side by side. */
const FILES = {
  bzImage: ['arch/x86/boot/bzImage', 'bzImage'],
  'System.map': ['System.map'],
  '.config': ['.config', 'config'],
} as const;

/**
 * The kernel in `dir`, for a machine of `arch`.
 * @throws InputError that names a file which is missing, is no kernel, or is a kernel for another architecture.
 */
export async function readOwnKernel(dir: string, arch: KernelArch): Promise<KernelArtifact> {
  const bzImagePath = await findFile(dir, 'bzImage');
  const systemMapPath = await findFile(dir, 'System.map');
  const configPath = await findFile(dir, '.config');
  const bzImage = await readFile(bzImagePath);
  checkKernel(bzImage, bzImagePath, arch);
  return {
    flavour: 'own',
    version: versionOf(bzImage),
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
      'name a tree that is built (`make ARCH=i386 bzImage`, or in a checkout of Snapback `node tools/run.mjs tools/kernel.ts build DIR`), or a folder with bzImage, System.map and .config; or one of the flavours ' +
      KERNEL_FLAVOURS.join(', '),
  });
}

/** Documentation/arch/x86/boot.rst: magic at 0x202, xloadflags at 0x236, whose bit 0 says that there is a 64-bit kernel. */
function checkKernel(bzImage: Uint8Array, path: string, arch: KernelArch): void {
  const view = new DataView(bzImage.buffer, bzImage.byteOffset, bzImage.byteLength);
  const remedy = `name the folder of a kernel built for ${arch} (make ARCH=${arch} bzImage)`;
  if (bzImage.length <= 0x400 || view.getUint32(0x202, true) !== 0x53726448)
    throw new InputError(`${path} is no bzImage of Linux`, { remedy });
  const own: KernelArch = (view.getUint16(0x236, true) & 1) === 1 ? 'x86_64' : 'i386';
  if (own !== arch)
    throw new InputError(`${path} is a kernel for ${own}, and the machine has ${arch}`, {
      remedy: `${remedy}, or a machine with \`arch: ${own}\``,
    });
}

/** `6.12.117`: the same header has a pointer to the version text, less 0x200, at 0x20e. */
function versionOf(bzImage: Uint8Array): string {
  const view = new DataView(bzImage.buffer, bzImage.byteOffset, bzImage.byteLength);
  const start = view.getUint16(0x20e, true) + 0x200;
  const text = new TextDecoder('latin1').decode(bzImage.subarray(start, start + 128));
  return text.split(/[\s\0]/, 1)[0] ?? '';
}
