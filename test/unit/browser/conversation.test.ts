// SPDX-License-Identifier: MIT
/** The machine at the console: it runs, stands still, goes on as it was, and takes what is typed. */
import t from 'tap';
import { converse, type Conversation } from '../../../emulator/host/browser/session/conversation.js';
import type { Origin, Player } from '../../../emulator/host/browser/session/recall/recall.js';
import type { Machine, RunReport, StopReason } from '../../../emulator/machine/contract.js';

/** A machine that moves only when it is told to, and that has been told things up to 60 ms. */
function harness(standsFirst: boolean, endsAtMs = Infinity) {
  const did: string[] = [];
  let atMs = 0;
  let recordedMs = 60;
  let release = (): void => undefined;
  const player = {
    machine: {} as Machine,
    line: () => 1,
    origin: {} as Origin,
    at: () => ({ virtualMs: atMs, instructions: 0 }),
    typed: () => [],
    hasMore: () => atMs < recordedMs,
    run({ virtualMsMax, send = [] }) {
      recordedMs = 0;
      atMs += virtualMsMax;
      did.push(`run ${send.map(({ bytes }) => new TextDecoder().decode(bytes)).join('')}`.trim());
      const reason: StopReason = { why: atMs >= endsAtMs ? 'halted' : 'timeout' };
      return Promise.resolve({ reason } as RunReport);
    },
    again(virtualMs) {
      atMs += virtualMs;
      did.push('again');
      return Promise.resolve(new TextEncoder().encode('x'));
    },
    close() {
      did.push('close');
      return Promise.resolve();
    },
  } satisfies Player;
  const conversation: Conversation = converse(player, standsFirst, {
    onConsole: (bytes) => did.push(`shows ${new TextDecoder().decode(bytes)}`),
    looks: [],
    stand() {
      did.push('stands');
      return () => {
        did.push('leaves');
        return Promise.resolve();
      };
    },
    onMove: () => undefined,
    onTyped: () => did.push('has it'),
    now: () => 0,
    wait: () => new Promise((resolve) => (release = resolve)),
  });
  /** What has been done since the last call, with one wait ended before. */
  const then = async (): Promise<readonly string[]> => {
    release();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return did.splice(0);
  };
  return { conversation, then };
}

t.test('a machine that stands at an instant goes on as it was', async (t) => {
  const { conversation, then } = harness(true);
  t.same(await then(), ['stands']);
  t.same(await then(), [], 'it stands until it is told something');
  conversation.goOn();
  t.same(await then(), ['leaves', 'again', 'shows x']);
  conversation.stand();
  t.same(await then(), ['stands']);
  conversation.goOn();
  t.same(await then(), ['leaves', 'again', 'shows x']);
  t.same(await then(), ['again', 'shows x']);
  t.same(await then(), ['stands'], 'where it was, it stands again');
  conversation.goOn();
  t.same(await then(), ['leaves', 'run']);
  conversation.type(new TextEncoder().encode('l'));
  conversation.type(new TextEncoder().encode('s'));
  t.same(await then(), ['run ls', 'has it']);
  t.same(await then(), ['run']);
  const ended = conversation.end();
  t.same(await then(), ['close']);
  await ended;
  t.equal(await conversation.over, undefined);
});

t.test('what is typed goes before what was recorded', async (t) => {
  const { conversation, then } = harness(true);
  await then();
  conversation.type(new TextEncoder().encode('q'));
  t.same(await then(), ['leaves', 'run q', 'has it']);
  t.same(await then(), ['run'], 'and it does not stand any more');
  await Promise.all([conversation.end(), then()]);
});

t.test('a machine that stands can be ended, and one can end by itself', async (t) => {
  const standing = harness(true);
  await standing.then();
  await standing.conversation.end();
  t.same(await standing.then(), ['leaves', 'close']);
  const halting = harness(false, 80);
  await halting.then();
  for (let turn = 0; turn < 3; turn++) await halting.then();
  halting.conversation.goOn();
  for (let turn = 0; turn < 3; turn++) await halting.then();
  t.equal(await halting.conversation.over, 'halted');
});
