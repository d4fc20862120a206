// SPDX-License-Identifier: MIT
import type { EngineTraits } from '../../machine/contract.js';

export const V86_ENGINE = 'v86';
export const V86_TRAITS: EngineTraits = {
  deterministic: true,
  countsInstructions: true,
  ownTime: true,
  patience: 1,
  checkpoints: ['ide'],
  delivery: true,
  diskFaults: true,
  volatileCaches: true,
  share: true,
  processorsMax: 1,
  diskBuses: ['ide'],
  nodesMax: 1,
  highMemory: false,
  memoryMiB: { min: 128, max: 768 },
};
