// SPDX-License-Identifier: MIT
/**
 * What a machine was told and when, so that it can be told the same again. Between two ticks a machine stands at an instant, which its
 * virtual time names: each tick takes some.
 */
import { concat } from '../../../../machine/bytes.js';
import type { Asked, RunReport } from '../../../../machine/contract.js';
import { RigError } from '../../../../machine/errors.js';
import { base64Of, type Instant, type Typed } from '../../../../scenario/session-file.js';
import { runToEnd } from './same-end.js';

/** A machine that was told the same again has come elsewhere. */
export const notTheSame = ({ instructions, virtualMs }: Instant): RigError =>
  new RigError(
    `the machine is not the same as before: it differs before instruction ${instructions}, ${virtualMs} ms`,
    { remedy: 'report this as a bug, with the scenario' },
  );

/** A run that has ended. Runs that ask for nothing but time are one with the run before. */
export interface Stretch {
  readonly asked: Asked;
  readonly begin: Instant;
  readonly end: Instant;
  /** It has ended because its time was over, so that it can go on. */
  readonly isOpen: boolean;
}

export interface Tape {
  readonly begin: Instant;
  readonly stretches: readonly Stretch[];
  /** Output of the console, in pieces. */
  readonly console: readonly Uint8Array[];
}

/** A place on a tape. */
export interface Position {
  readonly at: Instant;
  /** The stretch that ends there, or that goes on there; -1 at the beginning. */
  readonly stretch: number;
  /** Bytes that the console has shown since the beginning. */
  readonly consoleBytes: number;
}

export const emptyTape = (begin: Instant): Tape => ({ begin, stretches: [], console: [] });

export const beginOf = ({ begin }: Pick<Tape, 'begin'>): Position => ({ at: begin, stretch: -1, consoleBytes: 0 });

export const endOf = ({ begin, stretches, console }: Tape): Position => ({
  at: stretches.at(-1)?.end ?? begin,
  stretch: stretches.length - 1,
  consoleBytes: console.reduce((sum, { length }) => sum + length, 0),
});

/** What was typed on a tape up to a position: all that a session file needs to have it again. */
export const typedOn = (
  { stretches }: Pick<Tape, 'stretches'>,
  { stretch }: Pick<Position, 'stretch'>,
): readonly Typed[] =>
  stretches
    .slice(0, stretch + 1)
    .flatMap(({ asked: { send = [] }, begin: { instructions, virtualMs } }) =>
      send
        .filter(({ channel }) => channel === 'console')
        .map(({ bytes }) => ({ instructions, virtualMs, base64: base64Of(bytes) })),
    );

/** Pieces of the console's output are joined up to this size. */
const PIECE_BYTES = 16_384;

/** The tape with a run that has begun at its end. */
export function withRun({ begin, stretches, console }: Tape, asked: Asked, report: RunReport): Tape {
  const end: Instant = { virtualMs: report.virtualMs, instructions: report.instructions };
  const isOpen = report.reason.why === 'timeout' || report.reason.why === 'aborted';
  const last = stretches.at(-1);
  const goesOn = last?.isOpen === true && !hasConditions(last.asked) && !hasConditions(asked) && !hasInput(asked);
  const now = goesOn ? { ...last, end, isOpen } : { asked, begin: last?.end ?? begin, end, isOpen };
  return {
    begin,
    stretches: [...(goesOn ? stretches.slice(0, -1) : stretches), now],
    console: withBytes(console, report.console),
  };
}

const hasConditions = ({ triggers = [], untilByte }: Asked): boolean => triggers.length > 0 || untilByte !== undefined;
const hasInput = ({ send = [], deliver }: Asked): boolean => send.length > 0 || deliver !== undefined;

function withBytes(console: Tape['console'], bytes: Uint8Array): Tape['console'] {
  if (bytes.length === 0) return console;
  const last = console.at(-1);
  return last && last.length < PIECE_BYTES ? [...console.slice(0, -1), concat([last, bytes])] : [...console, bytes];
}

/** The tape up to a position. */
export function cutAt(tape: Tape, { at, stretch, consoleBytes }: Position): Tape {
  const { begin, stretches } = tape;
  const last = stretches[stretch];
  const cut = last && { ...last, end: at, isOpen: last.isOpen || at.virtualMs < last.end.virtualMs };
  return {
    begin,
    stretches: [...stretches.slice(0, Math.max(0, stretch)), ...(cut ? [cut] : [])],
    console: withBytes([], consoleOf(tape, consoleBytes)),
  };
}

/** What the console has shown up to so many bytes since the beginning, from so many bytes on. */
export function consoleOf({ console }: Tape, toBytes: number, fromBytes = 0): Uint8Array {
  let at = 0;
  // Only what is asked for is copied: each stretch that is run again is compared.
  return concat(
    console.map((piece) => {
      const begin = at;
      at += piece.length;
      return piece.subarray(Math.max(0, fromBytes - begin), Math.max(0, toBytes - begin));
    }),
  );
}

/** A part of a stretch that is to be run again. */
export interface Again {
  readonly stretch: number;
  readonly asked: Asked;
  /** Where it has ended, if that is to be reached. */
  readonly end: Instant | undefined;
}

/** What to ask of a machine at `from` so that it comes to `toMs`, or to the first instant after it; undefined when it is there. */
export function nextAgain({ stretches }: Tape, { at, stretch }: Position, toMs: number): Again | undefined {
  const isOver = at.virtualMs >= (stretches[stretch]?.end.virtualMs ?? -Infinity);
  const number = isOver ? stretch + 1 : stretch;
  const next = stretches[number];
  if (!next || at.virtualMs >= toMs) return undefined;
  const { asked, end, isOpen } = next;
  const { send: _send, deliver: _deliver, ...going } = asked;
  const isAll = toMs >= end.virtualMs;
  const leftMs = runToEnd((isAll ? end.virtualMs : toMs) - at.virtualMs);
  return {
    stretch: number,
    asked: { ...(isOver ? asked : going), virtualMsMax: isAll && !isOpen ? asked.virtualMsMax : leftMs },
    end: isAll ? end : undefined,
  };
}
