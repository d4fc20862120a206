// SPDX-License-Identifier: MIT
/** The kernels that are booted, by flavour and architecture. */
import { join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { obtain } from '../emulator/host/node/artifacts/store.js';
import { kernelRecipe, type KernelArch, type KernelFlavour } from './build.js';
import { leavingTree } from './left-tree.js';
import { findSource, kernelVersion } from './source.js';

export interface KernelArtifact {
  readonly flavour: KernelFlavour | 'own';
  /** `6.12.117`. */
  readonly version: string;
  /** Version of Debian's source package; the folder, for a kernel that the user has built. */
  readonly sourceVersion: string;
  readonly dir: string;
  readonly bzImagePath: string;
  readonly systemMapPath: string;
  readonly configPath: string;
  /** SHA-256 (hex) of the bzImage. */
  readonly sha256: string;
}

/**
 * The kernel of a flavour and architecture, from the cache or built now (minutes).
 * @throws RigError when a tool is missing, apt offers no source, a patch does not apply, an option is lost, or it does
 *   not compile.
 */
export async function obtainKernel(
  flavour: KernelFlavour,
  context: BuildContext,
  arch: KernelArch = 'i386',
): Promise<KernelArtifact> {
  const source = await findSource(context);
  const kind = { flavour, arch };
  const artifact = await obtain(leavingTree(kind, await kernelRecipe(kind, source, context)), context);
  return {
    flavour,
    version: kernelVersion(source.version),
    sourceVersion: source.version,
    dir: artifact.dir,
    bzImagePath: join(artifact.dir, 'bzImage'),
    systemMapPath: join(artifact.dir, 'System.map'),
    configPath: join(artifact.dir, 'config'),
    sha256: artifact.sha256['bzImage'] ?? '',
  };
}
