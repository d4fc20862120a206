// SPDX-License-Identifier: MIT
/**
 * Goes back to any instant that a machine has been at, and on from there. A checkpoint before the instant is restored, and what the
 * machine was told since then is told again. A machine that is told something else there is on a line of its own from then on.
 */
import type { Asked, Checkpoint, Machine, RunReport } from '../../../../machine/contract.js';
import { concat, equalBytes } from '../../../../machine/bytes.js';
import { RigError } from '../../../../machine/errors.js';
import type { Instant, Typed } from '../../../../scenario/session-file.js';
import { costOf, runPerCheckpointMs } from '../pace.js';
import type { Checkpoints, CheckpointsShown, Kept } from './checkpoints.js';
import {
  beginOf,
  consoleOf,
  cutAt,
  emptyTape,
  endOf,
  nextAgain,
  notTheSame,
  typedOn,
  withRun,
  type Position,
  type Tape,
} from './tape.js';

/** How a machine begins, and how it is made again. */
export interface Origin {
  readonly begin: Instant;
  /** What the console had shown by then. */
  readonly console: Uint8Array;
  /** At `begin`, or where the checkpoint was made. */
  readonly make: (checkpoint: Checkpoint | undefined) => Promise<Machine>;
}

/** What can be gone to. */
export interface LineShown {
  /** 1 for the first. */
  readonly number: number;
  readonly beginMs: number;
  readonly endMs: number;
  /** Where it has left another line; absent for that of a machine that was new. */
  readonly from?: { readonly line: number; readonly atMs: number };
}

export interface RecallShown {
  /** In the order in which they have begun. */
  readonly lines: readonly LineShown[];
  readonly checkpoints: CheckpointsShown;
}

/** A machine on a line. */
export interface Player {
  readonly machine: Machine;
  readonly line: () => number;
  /** Of its line. */
  readonly origin: Origin;
  readonly at: () => Instant;
  /** What was typed from the beginning of the line to here. */
  readonly typed: () => readonly Typed[];
  /** Whether the line goes on from here. */
  readonly hasMore: () => boolean;
  /** Asks something of the machine. Where the present line goes on, a new one begins. */
  readonly run: (asked: Asked, onConsole?: (bytes: Uint8Array) => void) => Promise<RunReport>;
  /**
   * Goes on as it was, for a time in virtual ms, or until something else is to be told. Answers the output of the console.
   * @throws RigError when the machine does something else than before.
   */
  readonly again: (virtualMs: number) => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

export interface Recall {
  /** Follows a machine that stands at the beginning of `origin`. */
  readonly follow: (machine: Machine, origin: Origin) => Player;
  /**
   * A machine at an instant of a line: the first one at or after a virtual time, and the end at most.
   * @throws RigError when there is no such line, or when the machine does something else than before.
   */
  readonly goTo: (line: number, virtualMs: number) => Promise<Arrival>;
  readonly shown: () => RecallShown;
}

export interface Arrival {
  readonly player: Player;
  /** All that the console shows there. */
  readonly console: Uint8Array;
}

export interface RecallDeps {
  readonly checkpoints: Checkpoints;
  /** Real time in ms. It decides where checkpoints are made, and about nothing else. */
  readonly now: () => number;
}

/** A checkpoint on a line. */
interface Key {
  readonly position: Position;
  readonly kept: Kept;
}

interface Line {
  readonly number: number;
  readonly origin: Origin;
  readonly from: LineShown['from'];
  tape: Tape;
  /** Real time that the machine has run from its beginning on, to the end and to the last checkpoint. */
  costMs: number;
  keptCostMs: number;
  keys: readonly Key[];
}

export function createRecall({ checkpoints, now }: RecallDeps): Recall {
  const lines: Line[] = [];
  let checkpointMs = 0;
  const addLine = (line: Omit<Line, 'number'>): Line => {
    const added = { ...line, number: lines.length + 1 };
    lines.push(added);
    return added;
  };

  /** At the end of the line, where its machine stands. */
  const leaveCheckpoint = async (line: Line, machine: Machine): Promise<void> => {
    if (line.costMs - line.keptCostMs < runPerCheckpointMs(checkpointMs)) return;
    const begunMs = now();
    const kept = checkpoints.keep(await machine.checkpoint(), line.number, line.costMs);
    checkpointMs = costOf(begunMs, now());
    line.keptCostMs = line.costMs;
    line.keys = [...line.keys, { position: endOf(line.tape), kept }];
  };

  const playerOf = (first: Line, machine: Machine, start: Position, startCostMs: number): Player => {
    let line = first;
    let position = start;
    /** From the beginning on. */
    let costMs = startCostMs;
    const hasMore = (): boolean => nextAgain(line.tape, position, Infinity) !== undefined;
    const fork = (): void => {
      const { number, origin, tape } = line;
      const keys = line.keys.filter((key) => key.position.at.virtualMs <= position.at.virtualMs);
      line = addLine({
        origin,
        from: { line: number, atMs: position.at.virtualMs },
        tape: cutAt(tape, position),
        costMs,
        keptCostMs: keys.at(-1)?.kept.costMs ?? 0,
        keys,
      });
    };
    return {
      machine,
      line: () => line.number,
      origin: first.origin,
      at: () => position.at,
      typed: () => typedOn(line.tape, position),
      hasMore,
      async run(asked, onConsole) {
        if (hasMore()) fork();
        await leaveCheckpoint(line, machine);
        const begunMs = now();
        const report = await machine.run({ ...asked, ...(onConsole && { onConsole }) });
        costMs += costOf(begunMs, now());
        line.costMs = costMs;
        line.tape = withRun(line.tape, asked, report);
        position = endOf(line.tape);
        return report;
      },
      async again(virtualMs) {
        const next = nextAgain(line.tape, position, position.at.virtualMs + virtualMs);
        if (!next) return new Uint8Array(0);
        const begunMs = now();
        const { instructions, virtualMs: nowMs, console } = await machine.run(next.asked);
        costMs += costOf(begunMs, now());
        const before = position.consoleBytes;
        position = {
          at: { virtualMs: nowMs, instructions },
          stretch: next.stretch,
          consoleBytes: before + console.length,
        };
        const isThere = !next.end || (next.end.virtualMs === nowMs && next.end.instructions === instructions);
        if (!isThere || !equalBytes(consoleOf(line.tape, position.consoleBytes, before), console))
          throw notTheSame({ instructions, virtualMs: nowMs });
        return console;
      },
      close: () => machine.close(),
    };
  };

  return {
    follow(machine, origin) {
      const tape = emptyTape(origin.begin);
      const line = addLine({ origin, from: undefined, tape, costMs: 0, keptCostMs: 0, keys: [] });
      return playerOf(line, machine, beginOf(tape), 0);
    },
    async goTo(number, virtualMs) {
      const line = lines.find((one) => one.number === number);
      if (!line) throw new RigError(`the machine has no line ${number}`);
      const { origin, tape, keys } = line;
      const key = keys.findLast(({ position, kept }) => position.at.virtualMs <= virtualMs && kept.isHeld());
      const start = key?.position ?? beginOf(tape);
      const machine = await (key?.kept.lend(origin.make) ?? origin.make(undefined));
      const player = playerOf(line, machine, start, key?.kept.costMs ?? 0);
      try {
        const shown = [origin.console, consoleOf(tape, start.consoleBytes)];
        while (player.at().virtualMs < virtualMs && player.hasMore())
          shown.push(await player.again(virtualMs - player.at().virtualMs));
        return { player, console: concat(shown) };
      } catch (error) {
        await player.close();
        throw error;
      }
    },
    shown: () => ({
      lines: lines.map(({ number, tape, from }) => ({
        number,
        beginMs: tape.begin.virtualMs,
        endMs: endOf(tape).at.virtualMs,
        ...(from && { from }),
      })),
      checkpoints: checkpoints.shown(),
    }),
  };
}
