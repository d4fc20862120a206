// SPDX-License-Identifier: MIT
/** The v86 engine in Node against the conformance suite. */
import { readFile } from 'node:fs/promises';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { defaultCacheDir } from '../../tools/artifacts/context.js';
import { buildWorkers } from '../../esbuild.config.mjs';
import { conformance } from '../conformance/engine.js';
import { obtainConformanceGuest } from '../conformance/guest.js';

await buildWorkers();
const context = { cacheDir: defaultCacheDir(), progress: () => undefined, signal: new AbortController().signal };
conformance({
  engine: createV86Engine(),
  config: {
    memoryMiB: 128,
    bios: await readFile('/usr/share/seabios/bios.bin'),
    vgaBios: await readFile('/usr/share/seabios/vgabios-stdvga.bin'),
    kernel: await obtainConformanceGuest(context),
    cmdline: '',
    disks: [{ base: new Uint8Array(64 * 512) }],
    seed: 1,
    wallClockMs: Date.UTC(2026, 0, 1),
  },
});
