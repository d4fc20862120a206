// SPDX-License-Identifier: MIT
/** Installs QEMU when the benchmark is run. */
import { INSTALL_QEMU } from '../../../emulator/engines/qemu/host-node/install.js';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { command } from '../../../emulator/host/node/process.js';
import { installPrerequisites } from '../../prerequisites.js';
import { QEMU } from './machine.js';

/**
 * QEMU's version. Installs QEMU first when it is missing and the user may.
 * @throws RigError when that is impossible, with the command to type.
 */
export async function ensureQemu(context: BuildContext): Promise<string> {
  await installPrerequisites(['bench'], context);
  const { stdout } = await command(QEMU, ['--version'], context, { remedy: INSTALL_QEMU });
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
