// SPDX-License-Identifier: MIT
/** The engines that a scenario can name, with what they promise. */
import type { EngineTraits } from '../machine/contract.js';
import { QEMU_ENGINE, QEMU_TRAITS } from './qemu/traits.js';
import { V86_ENGINE, V86_TRAITS } from './v86/traits.js';

export type EngineName = typeof V86_ENGINE | typeof QEMU_ENGINE;
export const ENGINES: Readonly<Record<EngineName, EngineTraits>> = {
  [V86_ENGINE]: V86_TRAITS,
  [QEMU_ENGINE]: QEMU_TRAITS,
};
