// SPDX-License-Identifier: MIT
/** Installs QEMU when the benchmark is run. Only the benchmark needs it. */
import { RigError } from '../../../emulator/machine/errors.js';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { command } from '../../../emulator/host/node/process.js';
import { QEMU } from './machine.js';

const PACKAGE = 'qemu-system-x86';
const REMEDY = `install it: apt-get install --no-install-recommends ${PACKAGE}; or leave the cycle out: npm run bench -- --only boot,memory`;

/**
 * QEMU's version. Installs QEMU first when it is missing and the user may. @throws RigError when that is impossible.
 */
export async function ensureQemu(context: BuildContext): Promise<string> {
  const present = await version(context).catch(() => undefined);
  if (present !== undefined) return present;
  if (process.getuid?.() !== 0) throw new RigError(`${QEMU} is not installed`, { remedy: REMEDY });
  context.progress(`installing ${PACKAGE}`);
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, remedy: REMEDY };
  await command('apt-get', ['update', '-q'], context, options);
  await command('apt-get', ['install', '-q', '-y', '--no-install-recommends', PACKAGE], context, options);
  return version(context);
}

async function version(context: BuildContext): Promise<string> {
  const { stdout } = await command(QEMU, ['--version'], context, { remedy: REMEDY });
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
