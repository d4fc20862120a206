// SPDX-License-Identifier: MIT
/** The engines of this process, by the name that a scenario gives. */
import type { EngineName } from '../../emulator/engines/names.js';
import { createQemuEngine } from '../../emulator/engines/qemu/host-node/engine.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { Engine } from '../../emulator/machine/contract.js';

const MAKERS: Readonly<Record<EngineName, () => Engine>> = { v86: createV86Engine, qemu: createQemuEngine };
const engines = new Map<EngineName, Engine>();

/** All runs of this process share an engine, so that later machines use the code that earlier ones have compiled. */
export function sharedEngine(name: EngineName): Engine {
  const engine = engines.get(name) ?? MAKERS[name]();
  engines.set(name, engine);
  return engine;
}
