// SPDX-License-Identifier: MIT
import { DISK_BUSES, type EngineTraits } from '../../machine/contract.js';

export const QEMU_ENGINE = 'qemu';
export const QEMU_TRAITS: EngineTraits = {
  deterministic: false,
  countsInstructions: false,
  ownTime: false,
  checkpoints: false,
  delivery: true,
  diskFailures: true,
  share: false,
  processorsMax: 8,
  diskBuses: DISK_BUSES,
  // More than that, and the addresses of the last part would not be those of a single block of memory.
  memoryMiB: { min: 128, max: 3072 },
};
