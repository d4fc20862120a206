// SPDX-License-Identifier: MIT
/** How often the memory of the machine at the prompt is shown, on hosts of different speed. */
import t from 'tap';
import { converse } from '../../../emulator/host/browser/session/conversation.js';
import type { MemoryReader } from '../../../emulator/host/browser/session/memory-reader.js';
import { createMemoryWatch } from '../../../emulator/host/browser/session/memory-watch.js';
import { dueNextMs, STRETCH_MS, stretchUntilMs } from '../../../emulator/host/browser/session/pace.js';
import type { Origin, Player } from '../../../emulator/host/browser/session/recall/recall.js';
import type { Machine, RunReport } from '../../../emulator/machine/contract.js';

/** Real time that the machine is followed, that a picture and a message to its worker take, and by which a timer is late. */
const FOLLOWED_MS = 10_000;
const PICTURE_MS = 2;
const MESSAGE_MS = 0.5;
const LATE_MS = 1;

/** Follows a machine of which 1 ms takes `slowness` ms of real time. Answers the pictures and the real time that it has run. */
async function follow(
  slowness: number,
  isWatched: boolean,
): Promise<{ readonly pictures: number; readonly ranMs: number }> {
  let [nowMs, atMs, ranMs, pictures] = [1000, 0, 0, 0];
  const endMs = nowMs + FOLLOWED_MS;
  const now = (): number => nowMs;
  const reader: MemoryReader = {
    kinds() {
      nowMs += PICTURE_MS;
      return Promise.resolve(new Uint8Array(1));
    },
    fates: () => Promise.resolve(undefined),
    page: () => Promise.reject(new Error('nobody asks')),
  };
  const watch = createMemoryWatch(({ tell }) => (pictures += Number(tell === 'memory')), now);
  watch.watch(isWatched);
  const player: Player = {
    machine: {} as Machine,
    line: () => 1,
    origin: {} as Origin,
    at: () => ({ virtualMs: atMs, instructions: 0 }),
    typed: () => [],
    hasMore: () => false,
    run({ virtualMsMax }) {
      atMs += virtualMsMax;
      ranMs += slowness * virtualMsMax;
      nowMs += MESSAGE_MS + slowness * virtualMsMax;
      if (nowMs >= endMs) void conversation.end();
      return Promise.resolve({ reason: { why: 'timeout' } } as RunReport);
    },
    again: () => Promise.reject(new Error('it has no more')),
    close: () => Promise.resolve(),
  };
  const conversation = converse(player, false, {
    onConsole: () => undefined,
    looks: [watch.of(() => Promise.resolve(reader))],
    stand: () => () => Promise.resolve(),
    onMove: () => undefined,
    onTyped: () => undefined,
    now,
    wait(ms) {
      nowMs += ms === 0 ? 0 : ms + LATE_MS;
      return Promise.resolve();
    },
  });
  await conversation.over;
  return { pictures, ranMs };
}

t.test('thirty pictures a second, whatever the host', async (t) => {
  for (const slowness of [0.1, 0.7, 1, 2.5, 5]) {
    const { pictures, ranMs } = await follow(slowness, true);
    t.ok(pictures >= (30 * FOLLOWED_MS) / 1000, `${pictures} pictures when 1 ms takes ${slowness} ms`);
    const alone = await follow(slowness, false);
    const slowdown = alone.ranMs / ranMs;
    t.ok(slowdown < 1.1, `and the machine is slower by ${slowdown.toFixed(3)}`);
  }
});

t.test('a stretch ends when something is due', async (t) => {
  t.equal(stretchUntilMs(STRETCH_MS, Infinity), STRETCH_MS, 'nothing is');
  t.equal(stretchUntilMs(STRETCH_MS, 13), 13);
  t.equal(stretchUntilMs(STRETCH_MS, 33), 16.5, 'in equal parts');
  t.equal(stretchUntilMs(4, 10), 2, 'on a slow host, of which 4 ms take 20 ms');
  t.equal(stretchUntilMs(STRETCH_MS, -5), 1, 'the least that a machine can run');
});

t.test('what was late does not delay what comes next', async (t) => {
  t.equal(dueNextMs(100, 107, 33), 133);
  t.equal(dueNextMs(100, 140, 33), 173, 'unless one has been left out');
  t.equal(dueNextMs(0, 5000, 33), 5033, 'the first one');
});
