// SPDX-License-Identifier: MIT
/** The folder for temporary files: TMPDIR, else /tmp. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RigError } from '../../machine/errors.js';

/** Makes a folder of its own, with a name that begins with `prefix`. @throws RigError when that cannot be. */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  const parent = resolve(tmpdir());
  try {
    return await mkdtemp(join(parent, prefix));
  } catch (cause) {
    throw new RigError(`cannot write to the folder for temporary files ${parent}`, {
      cause,
      remedy: 'make it writable, or name another with TMPDIR',
    });
  }
}

/** Finds out, before long work that needs it at its end, whether there is a folder for temporary files. @throws RigError. */
export async function checkTemporaryFolder(): Promise<void> {
  await rm(await makeTemporaryFolder('snapback-probe-'), { recursive: true });
}
