// SPDX-License-Identifier: MIT
/** What was done with a machine is done again: that of a link, and more that a tab has kept. */
import t from 'tap';
import { createFakeEngine } from '../../../emulator/engines/fake/engine.js';
import type { FakeEvent } from '../../../emulator/engines/fake/script.js';
import { createLinks, type Begun } from '../../../emulator/host/browser/session/links.js';
import type { FromSession } from '../../../emulator/host/browser/session/protocol.js';
import { createCheckpoints } from '../../../emulator/host/browser/session/recall/checkpoints.js';
import { createRecall, type Origin, type Player } from '../../../emulator/host/browser/session/recall/recall.js';
import type { Machine } from '../../../emulator/machine/contract.js';
import type { SessionFile } from '../../../emulator/scenario/session-file.js';
import { bytes, sha256, SMALL } from './fixtures/fake-machine.js';

const echo: FakeEvent = {
  do: 'receive',
  then: ({ received }) => [
    { do: 'console', text: new TextDecoder().decode(received) },
    { do: 'work', instructions: 2_000_000 },
    echo,
  ],
};
const engine = createFakeEngine({ script: () => [echo], sha256 });
/** A fake machine has no keyboard: what is for its console comes to its agent. */
const make = async (): Promise<Machine> => {
  const machine = await engine.powerOn(SMALL);
  return {
    ...machine,
    run: ({ send = [], ...request }) =>
      machine.run({ ...request, send: send.map(({ bytes }) => ({ channel: 'agent', bytes })) }),
  };
};
const DESCRIPTION = { snapback: '1.0.0', artifacts: { kernel: 'a' }, core: 'c' };
const PROMPT: Begun = { scenario: 'name: x\n' };

/** A page with a machine at its prompt. */
async function page(t: Tap, begun: Begun = PROMPT) {
  const told: FromSession[] = [];
  const checkpoints = createCheckpoints({ bytesMax: 0, gridsOf: () => [] });
  const recall = createRecall({ checkpoints, now: () => 0 });
  const links = createLinks(
    (message) => told.push(message),
    () => 0,
  );
  const origin: Origin = { begin: { virtualMs: 0, instructions: 0 }, console: bytes('$ '), make };
  links.begin(origin, begun);
  const player = recall.follow(await make(), origin);
  t.teardown(() => player.close());
  return { told, recall, links, player };
}
type Tap = Pick<typeof t, 'teardown'>;

async function type(player: Player, text: string): Promise<void> {
  await player.run({ virtualMsMax: 20, send: [{ channel: 'console', bytes: bytes(text) }] });
  await player.run({ virtualMsMax: 20 });
}

t.test('what a tab has kept is done again, from behind a link too', async (t) => {
  const first = await page(t);
  await type(first.player, 'a');
  const link = first.links.sessionAt(DESCRIPTION, first.player, 'hash of the link') as SessionFile;
  t.match(link, { sessionFormat: 2, stateHash: 'hash of the link', typed: [{ base64: btoa('a') }] });
  t.ok(first.links.isThere(first.player, link));
  await type(first.player, 'b');
  t.notOk(first.links.isThere(first.player, link), 'it has gone on');
  const kept = first.links.sessionAt(DESCRIPTION, first.player) as SessionFile;
  t.notOk('stateHash' in kept, 'its state is not asked for');

  const { told, recall, links, player } = await page(t);
  await links.replay(player, kept, bytes('$ '));
  t.same(
    told.map(({ tell }) => tell),
    ['going', 'arrived'],
  );
  t.match(told[1], { console: bytes('$ ab') });
  t.same(links.sessionAt(DESCRIPTION, player), kept, 'it is there, and is kept as it was');
  t.equal(await player.machine.stateHash(), await first.player.machine.stateHash());
  const { player: back } = await recall.goTo(player.line(), link.until?.virtualMs ?? 0);
  t.teardown(() => back.close());
  t.ok(links.isThere(back, link), 'where the machine of the link stood, it stands again');
  t.notOk(links.isThere(back, { ...link, typed: [] }), 'not if it was told something else');
  t.notOk(links.isThere(back, { ...link, within: { machine: 1, instructions: 0, virtualMs: 0 } }), 'nor in a run');
  t.notOk(links.isThere(back, undefined));
});

t.test('a machine that was taken over', async (t) => {
  const within = { machine: 1, instructions: 0, virtualMs: 0 };
  const { links, player } = await page(t, { ...PROMPT, within });
  const taken = links.sessionAt(DESCRIPTION, player) as SessionFile;
  t.match(taken, { sessionFormat: 3, within, typed: [] });
  t.ok(links.isThere(player, taken));
});

t.test('a machine that comes elsewhere', async (t) => {
  const { links, player } = await page(t);
  const until = { virtualMs: 30, instructions: 7 };
  const session: SessionFile = { sessionFormat: 2, snapback: '', scenario: '', artifacts: {}, typed: [], until };
  await t.rejects(links.replay(player, session, bytes('')), { message: /^the machine is not the same as before/ });
});
