// SPDX-License-Identifier: MIT
/** Makes the image file of one volume. Nothing here needs root. */
import { open } from 'node:fs/promises';
import { RigError } from '../../emulator/machine/errors.js';
import { command } from '../../emulator/host/node/process.js';
import { makeBtrfs } from './btrfs.js';
import { makeExt4 } from './ext4.js';
import { makeF2fs } from './f2fs.js';
import type { MakeRequest } from './request.js';
import { makeVfat } from './vfat.js';
import { makeXfs } from './xfs.js';

export async function makeVolume(request: MakeRequest): Promise<void> {
  const { image, volume, context } = request;
  await createZeros(image, volume.sizeBytes);
  switch (volume.filesystem) {
    case 'raw':
      return;
    case 'swap':
      await command(
        'mkswap',
        ['--uuid', volume.uuid, ...(volume.label === undefined ? [] : ['--label', volume.label]), image],
        context,
        { remedy: 'apt-get install util-linux' },
      );
      return;
    case 'ext4':
      return makeExt4(request);
    case 'xfs':
      return makeXfs(request);
    case 'btrfs':
      return makeBtrfs(request);
    case 'f2fs':
      return makeF2fs(request);
    case 'vfat':
      return makeVfat(request);
  }
}

async function createZeros(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.truncate(sizeBytes);
  } catch (error) {
    throw new RigError(`cannot make a file of ${sizeBytes} bytes at ${path}`, {
      cause: error,
      remedy: 'free some space, or name another cache folder with SNAPBACK_CACHE',
    });
  } finally {
    await file.close();
  }
}
