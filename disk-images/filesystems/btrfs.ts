// SPDX-License-Identifier: MIT
/** btrfs by mkfs.btrfs, which fills it from a folder. */
import { join } from 'node:path';
import type { MakeRequest } from './request.js';
import { runSteady, writeTree } from './steady.js';

export async function makeBtrfs({ image, volume, tree, scratch, context }: MakeRequest): Promise<void> {
  const folder = join(scratch, 'tree');
  await writeTree(tree, folder, volume);
  const label = volume.label === undefined ? [] : ['--label', volume.label];
  context.progress(`making the btrfs filesystem ${volume.name}`);
  await runSteady('mkfs.btrfs', ['--quiet', '--uuid', volume.uuid, ...label, '--rootdir', folder, image], context, {
    remedy: 'apt-get install btrfs-progs; btrfs needs at least 109 MiB',
  });
}
