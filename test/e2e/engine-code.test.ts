// SPDX-License-Identifier: MIT
/** Compiled code handed on from machine to machine changes nothing but the time they take. */
import t from 'tap';
import { buildWorkers } from '../../esbuild.config.mjs';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { Checkpoint, Engine } from '../../emulator/machine/contract.js';
import { conformanceConfig, READY } from '../conformance/guest.js';

await buildWorkers();
const config = await conformanceConfig();

/** Several stretches of hot code, from power-on or from a checkpoint. */
async function live(
  engine: Engine,
  from?: Checkpoint,
): Promise<{ state: string; instructions: number; checkpoint: Checkpoint }> {
  const machine = from ? await engine.restore(config, from) : await engine.powerOn(config);
  try {
    if (!from)
      await machine.run({
        virtualMsMax: 5_000,
        triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
      });
    const checkpoint = await machine.checkpoint();
    const { instructions } = await machine.run({
      virtualMsMax: 60_000,
      send: [{ channel: 'agent', bytes: Buffer.from('bbbbbbbbbbx') }],
      untilByte: { channel: 'agent', byte: 0x78 },
    });
    return { state: await machine.stateHash(), instructions, checkpoint };
  } finally {
    await machine.close();
  }
}

t.test(
  'machines with code of their own, with code of earlier machines, and side by side end in one state',
  async (t) => {
    const alone = await live(createV86Engine({ shareCode: false }));
    const sharing = createV86Engine();
    const { state, instructions } = alone;
    t.ok(instructions > 20_000_000, `${instructions} instructions`);
    for (let fork = 0; fork < 2; fork++) t.match(await live(sharing), { state, instructions });
    const forks = await Promise.all([live(sharing), live(sharing, alone.checkpoint), live(sharing, alone.checkpoint)]);
    for (const fork of forks) t.match(fork, { state, instructions });
    t.match(await live(createV86Engine({ shareCode: false }), alone.checkpoint), { state, instructions });
  },
);
