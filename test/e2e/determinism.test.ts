// SPDX-License-Identifier: MIT
/** The standard machine lives the same life in every process, from power-on and from a checkpoint. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { standardScenario } from '../../tools/cli/run.js';
import { obtainMachineFiles } from '../../tools/run/machine-files.js';
import { loadScenario } from '../../tools/run/scenario-file.js';
import type { RunRequest } from '../../emulator/machine/contract.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';
import { buildWorkers } from '../../esbuild.config.mjs';
import { defaultCacheDir } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';

await buildWorkers();
const context = { cacheDir: defaultCacheDir(), progress: () => undefined, signal: new AbortController().signal };

interface Life {
  readonly reasons: readonly { readonly why: string }[];
  readonly instructions: number;
  readonly writes: readonly number[];
  readonly consoleTail: readonly string[];
}

t.test('two processes from power-on and one from a checkpoint', async (t) => {
  // Built here, so that the lives do not wait for one another's kernel.
  const { plan, scenario } = await loadScenario(standardScenario(), {});
  await obtainMachineFiles(plan.machine, scenario.disks, context);
  const dir = await mkdtemp(join(tmpdir(), 'snapback-life-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const live = async (mode: 'save' | 'restore', file: string): Promise<Life> => {
    const { stdout } = await command(
      process.execPath,
      ['tools/run.mjs', 'test/e2e/life.ts', mode, join(dir, file)],
      context,
      { cwd: packagePath() },
    );
    return JSON.parse(stdout) as Life;
  };
  const [one, other] = await Promise.all([live('save', 'one'), live('save', 'other')]);
  t.same(
    one.reasons.map(({ why }) => why),
    ['trigger', 'timeout'],
    'it comes up and goes on to the end',
  );
  t.match(one.consoleTail.join('\n'), /[0-9a-f]{64}\s+\/root\/noise/, 'the shell did what was typed');
  t.ok(
    one.writes.every((count) => count >= 0) && one.writes.some((count) => count > 0),
    `writes ${one.writes.join(', ')}`,
  );
  t.same(other, one, 'instructions, time, RAM, disks and console are those of the first process');
  t.same(await live('restore', 'one'), one, 'and so from the checkpoint before the first disk access');
});

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
