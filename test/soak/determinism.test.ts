// SPDX-License-Identifier: MIT
/** The boot of the standard machine, cut into pieces at any place, is the boot in one piece. */
import t from 'tap';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { standardScenario } from '../../tools/cli/run.js';
import { obtainMachineFiles } from '../../tools/run/machine-files.js';
import { loadScenario } from '../../tools/run/scenario-file.js';
import type { RunRequest } from '../../emulator/machine/contract.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';
import { buildWorkers } from '../../esbuild.config.mjs';
import { defaultCacheDir } from '../../emulator/host/node/artifacts/context.js';

await buildWorkers();
const context = { cacheDir: defaultCacheDir(), progress: () => undefined, signal: new AbortController().signal };

t.test(
  'a boot cut into pieces, each restored from a checkpoint of the one before, is the boot in one piece',
  async (t) => {
    const { plan, scenario } = await loadScenario(standardScenario(), {});
    const { config } = await obtainMachineFiles(plan.machine, scenario.disks, context);
    const engine = createV86Engine();
    const ready = { when: { on: 'marker', kind: USER_MARKERS.agentReady }, then: { do: 'stop' } } as const;
    const toReady: RunRequest = { virtualMsMax: 60_000, triggers: [ready] };

    const whole = await engine.powerOn(config);
    const { instructions } = await whole.run(toReady);
    const state = await whole.stateHash();
    await whole.close();

    let machine = await engine.powerOn(config);
    // In the firmware, in the decompressor, in the booting kernel, among the first disk accesses, in userspace.
    for (const share of [0.005, 0.03, 0.3, 0.7, 0.85, 0.97]) {
      const count = Math.floor(instructions * share);
      const piece = await machine.run({
        virtualMsMax: 60_000,
        triggers: [{ when: { on: 'instruction', count }, then: { do: 'stop' } }],
      });
      t.same(piece.reason, { why: 'trigger', index: 0 });
      const before = await machine.stateHash();
      const checkpoint = await machine.checkpoint();
      await machine.close();
      machine = await engine.restore(config, checkpoint);
      t.equal(await machine.stateHash(), before, `restored at instruction ${piece.instructions}`);
      const { bytes } = await machine.checkpoint();
      t.ok(Buffer.compare(bytes, checkpoint.bytes) === 0, 'its own checkpoint is the one it came from, byte for byte');
    }
    const last = await machine.run(toReady);
    t.equal(last.instructions, instructions);
    t.equal(await machine.stateHash(), state);
    await machine.close();
  },
);
