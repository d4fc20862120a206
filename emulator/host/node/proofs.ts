// SPDX-License-Identifier: MIT
/** The proofs as a run on this host uses them: with Node's memcmp and the host's filesystem checkers. */
import type { Proofs } from '../../cycle/proofs.js';
import { createProofs } from '../../verify/proofs.js';
import { byteComparer } from './compare.js';
import { checkFilesystem } from './fsck.js';
import type { MachineFiles } from './machine-files.js';

export function nodeProofs({ systemMap }: Pick<MachineFiles, 'systemMap'>): Proofs {
  return createProofs({ systemMap, comparer: byteComparer, check: checkFilesystem });
}
