// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { createFakeEngine } from '../../../emulator/engines/fake/engine.js';
import { conformance } from '../../conformance/engine.js';
import { conformanceScript } from '../../conformance/guest.js';

conformance({
  engine: createFakeEngine({
    script: conformanceScript,
    sha256(parts) {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return hash.digest('hex');
    },
  }),
  config: {
    memoryMiB: 128,
    bios: new Uint8Array(0),
    vgaBios: new Uint8Array(0),
    kernel: new Uint8Array(0),
    cmdline: '',
    disks: [{ base: new Uint8Array(64 * 512) }],
    seed: 1,
    wallClockMs: Date.UTC(2026, 0, 1),
  },
});
