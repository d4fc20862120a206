// SPDX-License-Identifier: MIT
/** How v86 machines end by the guest's doing, and what happens when the rig's own parts are missing or broken. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildWorkers } from '../../esbuild.config.mjs';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { InputError, RigError } from '../../emulator/machine/errors.js';
import { sector } from '../../emulator/machine/units.js';
import { conformanceConfig, READY } from '../conformance/guest.js';

await buildWorkers();
const config = await conformanceConfig();
const engine = createV86Engine();

t.test('triple faults are resets, recognised at once', async (t) => {
  for (const [letter, what] of [
    ['t', 'without an interrupt table'],
    ['p', 'with an interrupt table that is not mapped'],
  ] as const) {
    const machine = await engine.powerOn(config);
    t.teardown(() => machine.close());
    const before = await machine.run({
      virtualMsMax: 5_000,
      triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
    });
    const report = await machine.run({ virtualMsMax: 5_000, send: [{ channel: 'agent', bytes: Buffer.from(letter) }] });
    t.same(report.reason, { why: 'reset' }, what);
    t.ok(report.virtualMs - before.virtualMs < 100);
    t.equal((await machine.captureMemory()).length, 128 * 2 ** 20, 'RAM can still be read');
    await t.rejects(machine.run({ virtualMsMax: 1 }), /has ended \(reset\)/);
  }
});

t.test('machines of 128 and of 768 MiB', async (t) => {
  for (const memoryMiB of [128, 768]) {
    const machine = await engine.powerOn({ ...config, memoryMiB });
    t.teardown(() => machine.close());
    const report = await machine.run({
      virtualMsMax: 5_000,
      triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
    });
    t.same(report.reason, { why: 'trigger', index: 0 });
    t.equal((await machine.captureMemory()).length, memoryMiB * 2 ** 20);
    await machine.close();
  }
});

t.test('configs that cannot be are refused with a reason', async (t) => {
  const refused = (change: object, reason: RegExp) =>
    t.rejects(engine.powerOn({ ...config, ...change }), { constructor: InputError, message: reason });
  await refused({ memoryMiB: 64 }, /128 to 768 MiB/);
  await refused({ memoryMiB: 1024 }, /128 to 768 MiB/);
  await refused({ disks: [{ base: new Uint8Array(1000) }] }, /disk 0 is 1000 bytes long/);
  await refused(
    {
      disks: [
        { base: new Uint8Array(512), overlay: [{ instruction: 0, sector: sector(1), bytes: new Uint8Array(512) }] },
      ],
    },
    /outside disk 0/,
  );
  await refused({ kernel: new Uint8Array(4096) }, /not a bzImage/);
  await refused({ seed: -1 }, /seed/);
});

t.test('checkpoints that do not fit are refused with a reason', async (t) => {
  const machine = await engine.powerOn(config);
  t.teardown(() => machine.close());
  await machine.run({ virtualMsMax: 5_000, triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }] });
  const { bytes } = await machine.checkpoint();
  const refused = (at: object, altered: Uint8Array, reason: RegExp) =>
    t.rejects(engine.restore({ ...config, ...at }, { engine: engine.name, bytes: altered }), {
      constructor: InputError,
      message: reason,
    });
  await refused({ memoryMiB: 256 }, bytes, /128 MiB and 1 disks, the config says 256 MiB/);
  await refused({}, bytes.slice(0, bytes.length - 4096), /cut short/);
  await refused({}, bytes.slice(8), /not a checkpoint/);
});

t.test('a worker that is missing or dies is a failure of the rig', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'snapback-worker-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await t.rejects(createV86Engine({ workerPath: join(dir, 'none.mjs') }).powerOn(config), {
    constructor: RigError,
    message: /worker died/,
  });
  await t.rejects(createV86Engine({ wasmPath: join(dir, 'none.wasm') }).powerOn(config), {
    constructor: RigError,
    message: /cannot read/,
  });
  const dying = join(dir, 'dies.mjs');
  await writeFile(
    dying,
    "import { parentPort } from 'node:worker_threads'; parentPort.once('message', () => process.exit(3));",
  );
  await t.rejects(createV86Engine({ workerPath: dying }).powerOn(config), {
    constructor: RigError,
    message: /ended with status 3/,
  });
});
