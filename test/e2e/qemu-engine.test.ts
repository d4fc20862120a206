// SPDX-License-Identifier: MIT
/** The QEMU engine against the conformance suite. */
import { createQemuEngine } from '../../emulator/engines/qemu/host-node/engine.js';
import { conformance } from '../conformance/engine.js';
import { conformanceConfig } from '../conformance/guest.js';

conformance({ engine: createQemuEngine(), config: await conformanceConfig() });
