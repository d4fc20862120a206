// SPDX-License-Identifier: MIT
/** Runs what is asked of a machine in pieces, so that the machine stands now and then, and can be left a checkpoint of. */
import { stillArmed, type ArmedTrigger } from '../../../../cycle/recorder.js';
import { concat } from '../../../../machine/bytes.js';
import type { Asked, Machine, RunReport, RunRequest } from '../../../../machine/contract.js';
import type { Instant } from '../../../../scenario/session-file.js';
import type { Part } from './inside.js';

/** Where a run stands between two pieces. */
export interface Between extends Instant {
  /** How much the run has shown and done by then: bytes of the console, markers, and writes per disk. */
  readonly console: number;
  readonly markers: number;
  readonly writes: readonly number[];
  /** What has not fired by then. */
  readonly triggers: readonly ArmedTrigger[];
}

export interface PiecesDeps {
  /** Called between two pieces. The machine stands until the promise resolves. */
  readonly between: (at: Between) => Promise<void>;
  /** Real time in ms. It decides how long pieces are, and about nothing else. */
  readonly now: () => number;
}

/** Real time that a piece should take, in ms. */
const PIECE_MS = 250;
/** Virtual time of the first piece in ms, and how many times as long as the one before a piece can be. */
const FIRST_MS = 20;
const GROWTH_MAX = 4;
/** A piece ends so much before the end of the run, in virtual ms, because sums of fractions differ in their last digits. A tick takes longer. */
const SAME_END_MS = 1e-7;

/**
 * Ticks do not depend on where runs end, so the machine comes through the same states, and the report is the same, as if it had not
 * stood between.
 */
export async function runInPieces(
  machine: Pick<Machine, 'run'>,
  request: RunRequest,
  { between, now }: PiecesDeps,
): Promise<RunReport> {
  const { send, deliver, virtualMsMax, triggers = [], ...rest } = request;
  const pieces: RunReport[] = [];
  let armed = triggers.map((trigger, index) => ({ trigger, index }));
  let pieceMs = FIRST_MS;
  for (let leftMs = virtualMsMax; ;) {
    const begunMs = now();
    const piece = await machine.run({
      ...rest,
      ...(pieces.length === 0 && { ...(send && { send }), ...(deliver && { deliver }) }),
      triggers: armed.map(({ trigger }) => trigger),
      virtualMsMax: Math.min(pieceMs, Math.max(leftMs - SAME_END_MS, SAME_END_MS)),
    });
    const { reason } = piece;
    pieces.push(
      reason.why === 'trigger' ? { ...piece, reason: { ...reason, index: armed[reason.index]?.index ?? 0 } } : piece,
    );
    leftMs = virtualMsMax - (piece.virtualMs - (pieces[0] ?? piece).beginMs);
    if (reason.why !== 'timeout' || leftMs <= 0) return joined(pieces);
    armed = armed.flatMap(({ trigger, index }) => stillArmed([trigger], piece).map((one) => ({ trigger: one, index })));
    const tookMs = Math.max(now() - begunMs, 1);
    pieceMs *= Math.min(GROWTH_MAX, Math.max(1 / GROWTH_MAX, PIECE_MS / tookMs));
    await between(
      standsBehind(
        pieces,
        armed.map(({ trigger }) => trigger),
      ),
    );
  }
}

function standsBehind(pieces: readonly RunReport[], triggers: readonly ArmedTrigger[]): Between {
  const sum = (of: (piece: RunReport) => number): number => pieces.reduce((all, piece) => all + of(piece), 0);
  const { instructions, virtualMs, writes } = lastOf(pieces);
  return {
    instructions,
    virtualMs,
    console: sum(({ console }) => console.length),
    markers: sum(({ markers }) => markers.length),
    writes: writes.map((_, disk) => sum((piece) => piece.writes[disk]?.length ?? 0)),
    triggers,
  };
}

/** What is to be asked of a machine that stands there, to have it end as the whole run did. `beginMs`: of the report on that. */
export const restOf = (
  { virtualMsMax, untilByte }: Asked,
  { triggers, virtualMs }: Between,
  beginMs: number,
): Asked => ({
  ...(untilByte && { untilByte }),
  triggers,
  virtualMsMax: virtualMsMax - (virtualMs - beginMs) - SAME_END_MS,
});

/** What a run has done until it stood there, and then more. `report`: of the whole run. */
export const withMore = (report: Pick<RunReport, 'console' | 'markers' | 'writes'>, at: Between, more: Part): Part => ({
  ...more,
  console: concat([report.console.subarray(0, at.console), more.console]),
  markers: [...report.markers.slice(0, at.markers), ...more.markers],
  writes: report.writes.map((of, disk) => [...of.slice(0, at.writes[disk]), ...(more.writes[disk] ?? [])]),
});

/** One report of a run that was made in pieces. */
function joined(pieces: readonly RunReport[]): RunReport {
  const last = lastOf(pieces);
  if (pieces.length === 1) return last;
  const lists = <T>(of: (piece: RunReport) => readonly (readonly T[])[] | undefined): readonly (readonly T[])[] =>
    last.writes.map((_, disk) => pieces.flatMap((piece) => of(piece)?.[disk] ?? []));
  const failedRequests = pieces.reduce((sum, piece) => sum + (piece.failedRequests ?? 0), 0);
  return {
    ...last,
    beginMs: (pieces[0] ?? last).beginMs,
    console: concat(pieces.map(({ console }) => console)),
    agent: concat(pieces.map(({ agent }) => agent)),
    markers: pieces.flatMap(({ markers }) => markers),
    captures: pieces.flatMap(({ captures }) => captures),
    writes: lists(({ writes }) => writes),
    ...(last.flushes && { flushes: lists(({ flushes }) => flushes) }),
    ...(failedRequests > 0 && { failedRequests }),
  };
}

const lastOf = (pieces: readonly RunReport[]): RunReport => pieces.at(-1) as RunReport;
