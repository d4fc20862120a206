// SPDX-License-Identifier: MIT
/** The memory for pictures is part of a machine's state, though v86 does not save it with its screen. */
import t from 'tap';
import { buildWorkers } from '../../esbuild.config.mjs';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { Machine, MachineConfig } from '../../emulator/machine/contract.js';
import { conformanceConfig, READY } from '../conformance/guest.js';

await buildWorkers();
const config = await conformanceConfig();
const engine = createV86Engine();

/** Where it is seen by a processor in real mode. */
const PICTURE_AT = 0xa0000;
/** Bochs' extensions of the VGA: the number of a register, and its value. */
const INDEX_PORT = 0x1ce;
const VALUE_PORT = 0x1cf;
const [WIDTH, HEIGHT, BITS, ENABLE] = [1, 2, 3, 4];

const half = (value: number): Uint8Array => Buffer.from(Uint16Array.of(value).buffer);
const word = (value: number): Uint8Array => Buffer.from(Uint32Array.of(value).buffer);

async function tell(machine: Machine, letter: string, ...words: readonly Uint8Array[]): Promise<void> {
  const { reason } = await machine.run({
    virtualMsMax: 5_000,
    send: [{ channel: 'agent', bytes: Buffer.concat([Buffer.from(letter), ...words]) }],
    untilByte: { channel: 'agent', byte: 0x0a },
  });
  if (reason.why !== 'byte') throw new Error(`the guest does not answer: ${reason.why}`);
}

/** A machine that shows a picture, with words at places of that, one after another. */
async function drawn(
  { memoryMiB }: Pick<MachineConfig, 'memoryMiB'>,
  ...words: readonly (readonly [at: number, value: number])[]
): Promise<Machine> {
  const machine = await engine.powerOn({ ...config, memoryMiB });
  await machine.run({
    virtualMsMax: 5_000,
    triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
  });
  for (const [register, value] of [
    [WIDTH, 640],
    [HEIGHT, 480],
    [BITS, 32],
    [ENABLE, 1],
  ] as const) {
    await tell(machine, '2', half(INDEX_PORT), word(register));
    await tell(machine, '2', half(VALUE_PORT), word(value));
  }
  for (const [at, value] of words) await tell(machine, 'k', word(PICTURE_AT + at), word(value));
  return machine;
}

t.test('it is in the state hash and in a checkpoint', async (t) => {
  const [plain, drawnOver, picture] = [
    await drawn(config, [0, 0], [0, 0]),
    await drawn(config, [0, 7], [0, 0]),
    await drawn(config, [0, 7], [4, 0]),
  ];
  const [ofPlain, ofDrawnOver, ofPicture] = [
    await plain.stateHash(),
    await drawnOver.stateHash(),
    await picture.stateHash(),
  ];
  t.equal(ofDrawnOver, ofPlain, 'nothing else tells what was drawn');
  t.not(ofPicture, ofPlain);
  const restored = await engine.restore(config, await picture.checkpoint());
  t.equal(await restored.stateHash(), ofPicture);
  for (const machine of [picture, restored]) await tell(machine, 'k', word(PICTURE_AT), word(0));
  t.equal(await restored.stateHash(), await picture.stateHash(), 'it can be drawn on');
  for (const machine of [plain, drawnOver, picture, restored]) await machine.close();
});

t.test('a restored machine has nothing in it that a new one has there', async (t) => {
  for (const memoryMiB of [129, 192, 256]) {
    const machine = await drawn({ memoryMiB });
    const restored = await engine.restore({ ...config, memoryMiB }, await machine.checkpoint());
    t.equal(await restored.stateHash(), await machine.stateHash(), `${memoryMiB} MiB`);
    for (const one of [machine, restored]) await one.close();
  }
});
