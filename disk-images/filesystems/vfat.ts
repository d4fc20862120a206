// SPDX-License-Identifier: MIT
import { RigError } from '../../emulator/machine/errors.js';
import type { MakeRequest } from './make.js';
export async function makeVfat({ volume }: MakeRequest): Promise<void> {
  throw new RigError(`cannot make ${volume.filesystem} yet`);
}
