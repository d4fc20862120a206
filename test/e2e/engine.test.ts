// SPDX-License-Identifier: MIT
/** The v86 engine in Node against the conformance suite. */
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { buildWorkers } from '../../esbuild.config.mjs';
import { conformance } from '../conformance/engine.js';
import { conformanceConfig } from '../conformance/guest.js';

await buildWorkers();
conformance({ engine: createV86Engine(), config: await conformanceConfig() });
