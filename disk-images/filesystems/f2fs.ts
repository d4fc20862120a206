// SPDX-License-Identifier: MIT
/** f2fs by mkfs.f2fs, filled by sload.f2fs from a folder. */
import { join } from 'node:path';
import type { MakeRequest } from './request.js';
import { IMAGE_TIME_S, runSteady, writeTree } from './steady.js';

const REMEDY = 'apt-get install f2fs-tools; f2fs needs at least 40 MiB';

export async function makeF2fs({ image, volume, tree, scratch, context }: MakeRequest): Promise<void> {
  const label = volume.label === undefined ? [] : ['-l', volume.label];
  context.progress(`making the f2fs filesystem ${volume.name}`);
  await runSteady('mkfs.f2fs', ['-q', '-f', '-R', '0:0', '-U', volume.uuid, ...label, image], context, {
    remedy: REMEDY,
  });
  if (tree.length === 0) return;
  const folder = join(scratch, 'tree');
  await writeTree(tree, folder, volume);
  await runSteady('sload.f2fs', ['-f', folder, '-T', String(IMAGE_TIME_S), image], context, { remedy: REMEDY });
}
