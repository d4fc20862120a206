// SPDX-License-Identifier: MIT
/** Runs the machine at the console at the speed of real time, with the typed input, or has it stand still. */
import { concat } from '../../../machine/bytes.js';
import type { StopReason } from '../../../machine/contract.js';
import { nextStretchMs, STRETCH_MS, stretchUntilMs } from './pace.js';
import type { Player } from './recall/recall.js';

/**
 * Looks at a machine that stands, at its virtual time, if that is due. The answer resolves when the machine may go on, to the real time in ms
 * at which the next look is due; Infinity: nobody wants to look.
 */
export type Look = (virtualMs: number) => Promise<number>;

export interface ConversationDeps {
  readonly onConsole: (bytes: Uint8Array) => void;
  /** Called before each stretch of the machine. No stretch is much longer than until they are due. */
  readonly looks: readonly Look[];
  /** Called when the machine comes to stand. The promise of the answer is awaited before it goes on. */
  readonly stand: () => () => Promise<void>;
  /** Called before a stretch, and when the machine comes to stand. */
  readonly onMove: (isStanding: boolean) => void;
  /** The machine has got what was typed. */
  readonly onTyped: () => void;
  /** Real time in ms, and a wait of that. */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

export interface Conversation {
  /** For the machine's console. A machine that stands goes on with it. */
  readonly type: (bytes: Uint8Array) => void;
  /** Has the machine stand still from its next tick on. */
  readonly stand: () => void;
  /** Has it go on: as it was, as far as that is known, where it stands again; else as it likes. */
  readonly goOn: () => void;
  /** Ends the machine. Resolves when it has ended. */
  readonly end: () => Promise<void>;
  /** Why the machine has ended by itself; undefined when it was ended. */
  readonly over: Promise<StopReason['why'] | undefined>;
}

export function converse(player: Player, standsFirst: boolean, deps: ConversationDeps): Conversation {
  let typed: Uint8Array[] = [];
  let [stands, ends] = [standsFirst, false];
  let wake = (): void => undefined;

  const untilWoken = async (): Promise<void> => {
    deps.onMove(true);
    const leave = deps.stand();
    // Whatever wakes it is looked at again, because it may have come before.
    while (stands && !ends && typed.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    stands = false;
    await leave();
  };

  /** Answers why the machine has ended, if it has. */
  const move = async (stretchMs: number): Promise<StopReason['why'] | undefined> => {
    const bytes = concat(typed);
    typed = [];
    if (bytes.length === 0 && player.hasMore()) {
      const shown = await player.again(stretchMs);
      if (shown.length > 0) deps.onConsole(shown);
      stands ||= !player.hasMore();
      return undefined;
    }
    const send = bytes.length > 0 ? [{ channel: 'console', bytes } as const] : [];
    const { reason } = await player.run({ virtualMsMax: stretchMs, send }, deps.onConsole);
    if (bytes.length > 0) deps.onTyped();
    return reason.why === 'timeout' ? undefined : reason.why;
  };

  const run = async (): Promise<StopReason['why'] | undefined> => {
    try {
      let stretchMs = STRETCH_MS;
      while (!ends) {
        if (stands) await untilWoken();
        if (ends) break;
        deps.onMove(false);
        let dueMs = Infinity;
        for (const look of deps.looks) dueMs = Math.min(dueMs, await look(player.at().virtualMs));
        const startMs = deps.now();
        const guestMs = stretchUntilMs(stretchMs, dueMs - startMs);
        const why = await move(guestMs);
        if (why !== undefined) return why;
        const tookMs = deps.now() - startMs;
        await deps.wait(Math.max(0, guestMs - tookMs));
        stretchMs = nextStretchMs(guestMs, tookMs);
      }
      return undefined;
    } finally {
      await player.close();
    }
  };

  const over = run();
  return {
    type(bytes) {
      typed.push(bytes);
      wake();
    },
    stand() {
      stands = true;
    },
    goOn() {
      stands = false;
      wake();
    },
    end: () => {
      ends = true;
      wake();
      return over.then(
        () => undefined,
        () => undefined,
      );
    },
    over,
  };
}
