// SPDX-License-Identifier: MIT
/** A run of a machine, and the state that outlives it. */
import type {
  Action,
  Capture,
  DiskWrite,
  MarkerSeen,
  RunReport,
  RunRequest,
  StopReason,
} from '../../machine/contract.js';

/** One run: what was asked for, and what it has seen so far. */
export interface Run {
  readonly request: RunRequest;
  /** Virtual time at its beginning. */
  readonly startMs: number;
  readonly markers: MarkerSeen[];
  readonly captures: Capture[];
  readonly writes: DiskWrite[][];
  /** The counter at each flush of the guest, per disk. */
  readonly flushes: number[][];
  /** How often each trigger's condition was met. */
  readonly seen: number[];
  stop: StopReason | undefined;
}

/** What the parts of a machine share. */
export interface MachineState {
  /** The run that is under way. */
  run: Run | undefined;
  /** Events that a guest sees in their order: markers, writes and flushes. */
  events: number;
  lastMarker: MarkerSeen | undefined;
  /** No write lands any more, and nothing that the guest does is seen. */
  isPoweredOff: boolean;
  /** Why the machine cannot run on. */
  ended: StopReason | undefined;
  /** Why the rig can do nothing with it any more: it failed, or has been closed. */
  failure: Error | undefined;
}

/** A machine at power-on, or one that has gone on since then. */
export const createState = ({
  events = 0,
  lastMarker,
}: { readonly events?: number; readonly lastMarker?: MarkerSeen } = {}): MachineState => ({
  run: undefined,
  events,
  lastMarker,
  isPoweredOff: false,
  ended: undefined,
  failure: undefined,
});

export const createRun = (request: RunRequest, diskCount: number, startMs: number): Run => ({
  request,
  startMs,
  markers: [],
  captures: [],
  writes: Array.from({ length: diskCount }, () => []),
  flushes: Array.from({ length: diskCount }, () => []),
  seen: [],
  stop: undefined,
});

export const reportOf = (
  { markers, captures, writes, flushes }: Run,
  rest: Omit<RunReport, 'markers' | 'captures' | 'writes' | 'flushes'>,
): RunReport => ({ ...rest, markers, captures, writes, flushes });

/** The actions that are due at a marker, which is counted herewith. */
export function actionsAt(run: Run, marker: MarkerSeen): readonly (readonly [index: number, action: Action])[] {
  return (run.request.triggers ?? []).flatMap(({ when, then }, index) => {
    if (when.on !== 'marker' || when.kind !== marker.kind) return [];
    const seen = (run.seen[index] ?? 0) + 1;
    run.seen[index] = seen;
    return seen === (when.nth ?? 1) ? [[index, then] as const] : [];
  });
}
