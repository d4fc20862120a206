// SPDX-License-Identifier: MIT
/** vfat by mkfs.fat, filled by mtools. vfat has neither owners nor modes, so these are dropped. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../emulator/machine/errors.js';
import type { MakeRequest } from './request.js';
import { runSteady } from './steady.js';

export async function makeVfat({ image, volume, tree, scratch, context }: MakeRequest): Promise<void> {
  const label = volume.label === undefined ? [] : ['-n', volume.label.toUpperCase()];
  const serial = volume.uuid.replaceAll('-', '').slice(0, 8);
  context.progress(`making the vfat filesystem ${volume.name}`);
  await runSteady('mkfs.fat', ['--invariant', '-i', serial, ...label, image], context, {
    remedy: 'apt-get install dosfstools',
  });
  const mtools = { remedy: 'apt-get install mtools', env: { MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1' } };
  for (const [index, entry] of tree.entries()) {
    const target = `::/${entry.path}`;
    if (entry.kind === 'directory') await runSteady('mmd', ['-i', image, target], context, mtools);
    else if (entry.kind === 'file') {
      const source = join(scratch, `content-${index}`);
      await writeFile(source, entry.content);
      await runSteady('mcopy', ['-i', image, source, target], context, mtools);
    } else
      throw new InputError(`/${entry.path} is a ${entry.kind}, which vfat does not have`, {
        remedy: 'leave it out, or take another filesystem',
      });
  }
}
