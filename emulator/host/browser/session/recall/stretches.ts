// SPDX-License-Identifier: MIT
/** Runs what is asked of a machine in stretches, so that the machine stands now and then, and can be left a checkpoint of. */
import { stillArmed, type ArmedTrigger } from '../../../../cycle/recorder.js';
import { concat } from '../../../../machine/bytes.js';
import type { Asked, Machine, RunReport, RunRequest } from '../../../../machine/contract.js';
import type { Instant } from '../../../../scenario/session-file.js';
import { ONE_TICK_MS, type RunSoFar } from './inside.js';
import { runToEnd, SAME_END_MS } from './same-end.js';

/** Where a run stands between two stretches. */
export interface Between extends Instant {
  /** How much the run has shown and done by then: bytes of the console, markers, and writes per disk. */
  readonly console: number;
  readonly markers: number;
  readonly writes: readonly number[];
  /** What has not fired by then. */
  readonly triggers: readonly ArmedTrigger[];
}

export interface StretchesDeps {
  /** Called between two stretches. The machine stands until the promise resolves. The run ends if it rejects. */
  readonly between: (at: Between) => Promise<void>;
  /** A stretch ends at the first tick boundary at or after this virtual time of the machine, in ms, if the run comes so far. */
  readonly stopAtMs?: number;
  /** Real time in ms. It decides how long stretches are, and about nothing else. */
  readonly now: () => number;
}

/** Real time that a stretch should take, in ms. */
const STRETCH_REAL_MS = 250;
/** Virtual time of the first stretch in ms, and how many times as long as the one before a stretch can be. */
const FIRST_MS = 20;
const GROWTH_MAX = 4;

/**
 * Ticks do not depend on where runs end, so the machine comes through the same states, and the report is the same, as if it had not
 * stood between.
 */
export async function runInStretches(
  machine: Pick<Machine, 'run'>,
  request: RunRequest,
  { between, stopAtMs, now }: StretchesDeps,
): Promise<RunReport> {
  const { send, deliver, virtualMsMax, triggers = [], ...rest } = request;
  const stretches: RunReport[] = [];
  let armed = triggers.map((trigger, index) => ({ trigger, index }));
  let stretchMs = FIRST_MS;
  // Where a machine stands is only known when it has run.
  let toStopMs = stopAtMs === undefined ? Infinity : ONE_TICK_MS;
  for (let leftMs = virtualMsMax; ;) {
    const begunMs = now();
    const stretch = await machine.run({
      ...rest,
      ...(stretches.length === 0 && { ...(send && { send }), ...(deliver && { deliver }) }),
      triggers: armed.map(({ trigger }) => trigger),
      virtualMsMax: Math.min(stretchMs, toStopMs, runToEnd(leftMs)),
    });
    const aheadMs = (stopAtMs ?? 0) - SAME_END_MS - stretch.virtualMs;
    toStopMs = aheadMs > 0 ? aheadMs : Infinity;
    const { reason } = stretch;
    stretches.push(
      reason.why === 'trigger'
        ? { ...stretch, reason: { ...reason, index: armed[reason.index]?.index ?? 0 } }
        : stretch,
    );
    leftMs = virtualMsMax - (stretch.virtualMs - (stretches[0] ?? stretch).beginMs);
    if (reason.why !== 'timeout' || leftMs <= 0) return joined(stretches);
    armed = armed.flatMap(({ trigger, index }) =>
      stillArmed([trigger], stretch).map((one) => ({ trigger: one, index })),
    );
    const tookMs = Math.max(now() - begunMs, 1);
    stretchMs *= Math.min(GROWTH_MAX, Math.max(1 / GROWTH_MAX, STRETCH_REAL_MS / tookMs));
    await between(
      standsBehind(
        stretches,
        armed.map(({ trigger }) => trigger),
      ),
    );
  }
}

function standsBehind(stretches: readonly RunReport[], triggers: readonly ArmedTrigger[]): Between {
  const sum = (of: (stretch: RunReport) => number): number => stretches.reduce((all, stretch) => all + of(stretch), 0);
  const { instructions, virtualMs, writes } = lastOf(stretches);
  return {
    instructions,
    virtualMs,
    console: sum(({ console }) => console.length),
    markers: sum(({ markers }) => markers.length),
    writes: writes.map((_, disk) => sum((stretch) => stretch.writes[disk]?.length ?? 0)),
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
export const withMore = (
  report: Pick<RunReport, 'console' | 'markers' | 'writes'>,
  at: Between,
  more: RunSoFar,
): RunSoFar => ({
  ...more,
  console: concat([report.console.subarray(0, at.console), more.console]),
  markers: [...report.markers.slice(0, at.markers), ...more.markers],
  writes: report.writes.map((of, disk) => [...of.slice(0, at.writes[disk]), ...(more.writes[disk] ?? [])]),
});

/** One report of a run that was made in stretches. */
function joined(stretches: readonly RunReport[]): RunReport {
  const last = lastOf(stretches);
  if (stretches.length === 1) return last;
  const lists = <T>(of: (stretch: RunReport) => readonly (readonly T[])[] | undefined): readonly (readonly T[])[] =>
    last.writes.map((_, disk) => stretches.flatMap((stretch) => of(stretch)?.[disk] ?? []));
  const failedRequests = stretches.reduce((sum, stretch) => sum + (stretch.failedRequests ?? 0), 0);
  return {
    ...last,
    beginMs: (stretches[0] ?? last).beginMs,
    console: concat(stretches.map(({ console }) => console)),
    agent: concat(stretches.map(({ agent }) => agent)),
    markers: stretches.flatMap(({ markers }) => markers),
    captures: stretches.flatMap(({ captures }) => captures),
    writes: lists(({ writes }) => writes),
    ...(last.flushes && { flushes: lists(({ flushes }) => flushes) }),
    ...(failedRequests > 0 && { failedRequests }),
  };
}

const lastOf = (stretches: readonly RunReport[]): RunReport => stretches.at(-1) as RunReport;
