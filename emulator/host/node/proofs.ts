// SPDX-License-Identifier: MIT
/** The proofs for runs on this host: they use Node's memcmp and the host's filesystem tools. */
import type { Proofs } from '../../cycle/proofs.js';
import { createProofs, type ProofHost } from '../../verify/proofs.js';
import type { MachineConfig } from '../../machine/contract.js';
import { byteComparer } from './compare.js';
import { checkFilesystem, type MountOnce } from './fsck.js';
import { locate } from './locate.js';

/** The tools end with `signal`. `mountOnce`: see CheckOptions in fsck.ts. */
export function nodeProofs(
  { systemMap, config }: Pick<ProofHost, 'systemMap'> & { readonly config?: Pick<MachineConfig, 'highMemoryMiB'> },
  signal?: AbortSignal,
  mountOnce?: MountOnce,
): Proofs {
  return createProofs({
    systemMap,
    ...(config?.highMemoryMiB !== undefined && { highMemoryMiB: config.highMemoryMiB }),
    comparer: byteComparer,
    check: (volume, filesystem, condition, journal) =>
      checkFilesystem(volume, filesystem, condition, {
        ...(signal && { signal }),
        ...(mountOnce && { mountOnce }),
        journal,
      }),
    locate: (volume, filesystem, offsets) => locate(volume, filesystem, offsets, signal),
  });
}
