// SPDX-License-Identifier: MIT
/** A machine is taken from a run where it was taken on the page, and by nobody else. */
import t from 'tap';
import { createFakeEngine } from '../../../emulator/engines/fake/engine.js';
import type { FakeEvent } from '../../../emulator/engines/fake/script.js';
import { handover } from '../../../emulator/host/browser/session/recall/handover.js';
import { runInto } from '../../../emulator/host/browser/session/recall/inside.js';
import type { Machine, MachineConfig, RunRequest } from '../../../emulator/machine/contract.js';
import type { Within } from '../../../emulator/scenario/session-file.js';
import { repeatTaken } from '../../../tools/run/typed-session.js';
import { bytes, sha256, SMALL } from './fixtures/fake-machine.js';

const text = (of: Uint8Array): string => new TextDecoder().decode(of);

/** Tells what it gets, and goes on working. */
const busy: FakeEvent = {
  do: 'look',
  then: () => [{ do: 'work', instructions: 700_000 }, { do: 'console', text: '.' }, busy],
};
const echo: FakeEvent = { do: 'receive', then: ({ received }) => [{ do: 'console', text: text(received) }, busy] };
const engine = createFakeEngine({ script: () => [echo], sha256 });
const config: MachineConfig = { ...SMALL, disks: [{ base: new Uint8Array(4096) }] };

const ask: RunRequest = { send: [{ channel: 'agent', bytes: bytes('a') }], virtualMsMax: 100 };
const onWritten = (): void => undefined;

/** A machine that has run for `virtualMs` or a little longer. */
async function standing(virtualMs: number): Promise<{ readonly machine: Machine; readonly within: Within }> {
  const machine = await engine.powerOn(config);
  const { instructions, virtualMs: atMs } = await runInto(machine, ask, virtualMs);
  return { machine, within: { machine: 2, instructions, virtualMs: atMs } };
}

t.test('a machine is taken where it was taken before', async (t) => {
  const { machine: expected, within } = await standing(40);
  const { engine: handing, powersOn, taken } = handover(engine, within);
  powersOn(1);
  const first = await handing.powerOn(config);
  await first.run({ ...ask, onWritten });
  t.equal(taken(), undefined, 'not another machine of the run');
  await first.close();
  powersOn(2);
  const second = await handing.powerOn(config);
  const shown: string[] = [];
  const control = await handing.powerOn(config);
  await control.run(ask);
  t.equal(taken(), undefined, 'nor one that nobody follows');
  await t.rejects(second.run({ ...ask, onWritten, onConsole: (piece) => void shown.push(text(piece)) }), {
    message: 'the machine has been taken over',
  });
  await second.close();
  await control.run({ ...ask, onWritten });
  await control.close();

  const over = taken();
  if (!over) throw new Error('none was taken');
  t.equal(await over.machine.stateHash(), await expected.stateHash(), 'it stands there, also when the run has ended');
  t.match({ ...over }, { instructions: within.instructions, virtualMs: within.virtualMs });
  t.match(text(over.console), /^a\.+$/);
  t.equal(shown.join(''), text(over.console));
  const again = await over.make(await over.machine.checkpoint());
  t.equal(await again.stateHash(), await expected.stateHash());
  for (const machine of [expected, over.machine, again]) await machine.close();
});

t.test('wherever that was', async (t) => {
  for (let virtualMs = 1.7; virtualMs < 90; virtualMs += 0.61) {
    const { machine: expected, within } = await standing(virtualMs);
    const { engine: handing, powersOn, taken } = handover(engine, within);
    powersOn(2);
    const machine = await handing.powerOn(config);
    await machine.run({ ...ask, onWritten }).catch(() => undefined);
    t.equal(taken()?.virtualMs, within.virtualMs);
    await Promise.all([expected.close(), taken()?.machine.close()]);
  }
});

t.test('also at the end of what it is asked', async (t) => {
  const answers: FakeEvent = {
    do: 'receive',
    then: () => [
      { do: 'sleep', ms: 30 },
      { do: 'agent', bytes: bytes('y') },
      { do: 'work', instructions: 700_000 },
    ],
  };
  const idle = createFakeEngine({ script: () => [answers], sha256 });
  const asked: RunRequest = { ...ask, untilByte: { channel: 'agent', byte: bytes('y')[0] ?? 0 } };
  const expected = await idle.powerOn(config);
  const { instructions, virtualMs } = await runInto(expected, asked, 1000);
  const { engine: handing, powersOn, taken } = handover(idle, { machine: 1, instructions, virtualMs });
  powersOn(1);
  const machine = await handing.powerOn(config);
  await t.rejects(machine.run({ ...asked, onWritten }), { message: 'the machine has been taken over' });
  t.equal(await taken()?.machine.stateHash(), await expected.stateHash());
  await Promise.all([expected.close(), taken()?.machine.close()]);
});

t.test('what was typed there is typed again', async (t) => {
  const { machine: expected, within } = await standing(40);
  const { instructions, virtualMs } = await expected.run({ virtualMsMax: 5 });
  const run = async (of: Pick<ReturnType<typeof handover>, 'engine' | 'powersOn'>): Promise<void> => {
    of.powersOn(2);
    const machine = await of.engine.powerOn(config);
    try {
      await machine.run({ ...ask, onWritten });
    } finally {
      await machine.close();
    }
  };
  const session = { within, typed: [], until: { instructions, virtualMs } };
  t.same(await repeatTaken(engine, run, session), { elsewhere: undefined, stateHash: await expected.stateHash() });
  const elsewhere = { ...session, until: { instructions: instructions + 1, virtualMs } };
  t.same((await repeatTaken(engine, run, elsewhere)).elsewhere, { instructions, virtualMs });
  await expected.close();
  await t.rejects(repeatTaken(engine, run, { ...session, within: { ...within, instructions: 1 } }), {
    message: 'the run of the scenario does not come to where its machine was taken over',
  });
  await t.rejects(
    repeatTaken(engine, () => Promise.reject(new Error('no room')), session),
    { message: 'no room' },
  );
});
