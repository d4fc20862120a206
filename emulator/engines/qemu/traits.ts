// SPDX-License-Identifier: MIT
import { DISK_BUSES, type EngineTraits } from '../../machine/contract.js';

export const QEMU_ENGINE = 'qemu';
export const QEMU_TRAITS: EngineTraits = {
  deterministic: false,
  countsInstructions: false,
  ownTime: false,
  patience: 15,
  // QEMU cannot save its NVMe devices.
  checkpoints: DISK_BUSES.filter((bus) => bus !== 'nvme'),
  delivery: true,
  diskFaults: true,
  volatileCaches: true,
  share: false,
  processorsMax: 8,
  diskBuses: DISK_BUSES,
  nodesMax: 4,
  highMemory: true,
  // What is more than that would lie above 4 GiB without being asked for, and a capture would be larger than an array can be.
  memoryMiB: { min: 128, max: 3072 },
};
