// SPDX-License-Identifier: MIT
/** What stands on the timeline beside the steps of the kernel: places of the run, faults, failures, and where the run is now. */
import type { MachineShown } from '../../../cycle/machines.js';
import type { FaultSeen, Moment } from '../../../cycle/steps/context.js';
import { MISTAKE_MARKERS } from '../../../machine/markers.js';
import { endMs, farther, insideMs } from '../session/elapsed.js';
import type { SessionState } from '../session/state.js';
import { durationText, timelineOf, type Track } from './timeline-model.js';

/** `now`: how far the run has come. `place`: where it has paused, or could. */
export type MarkKind = 'now' | 'place' | 'fault' | 'failure';

export interface Mark {
  readonly kind: MarkKind;
  /** Virtual time since the first power-on, over all machines. */
  readonly atMs: number;
  readonly text: string;
  /** All that is known of it. */
  readonly title: string;
  /** Of a place. */
  readonly moment?: Moment;
  /** Index of the track, and of the span in it. */
  readonly track: number;
  readonly span: number;
}

export type Marked = Pick<SessionState, 'machines' | 'known' | 'places' | 'findings' | 'faults' | 'paused'>;

/** The tracks of a run, with those that it repeats, in so far as it has not come to their end. */
export const tracksOf = ({ machines, known }: Marked): readonly Track[] => timelineOf(farther(known, machines));

/** In their order on these tracks. Those of the control run have no place there. */
export function marksOf(tracks: readonly Track[], state: Marked): readonly Mark[] {
  const { machines, places, findings, faults } = state;
  if (machines.length === 0) return [];
  const nowMs = insideMs(state) ?? endMs(machines);
  const found = findings.filter(({ kind }) => kind !== 'control');
  const all: readonly Omit<Mark, 'track' | 'span'>[] = [
    ...places.map(({ title, step, part, atMs }) => ({
      kind: 'place' as const,
      atMs,
      text: title,
      title: `before: ${title}, at ${durationText(atMs)}`,
      moment: { step, part },
    })),
    ...[...mistakes(machines), ...faults.flatMap((fault) => happened(fault, machines))].map(({ what, atMs }) => ({
      kind: 'fault' as const,
      atMs,
      text: what,
      title: `fault: ${what}, at ${durationText(atMs)}`,
    })),
    ...found.map(({ kind, what, atMs }) => ({
      kind: 'failure' as const,
      atMs,
      text: kind,
      title: `found until ${durationText(atMs)}: ${kind}: ${what}`,
    })),
    { kind: 'now', atMs: nowMs, text: 'now', title: `now: ${durationText(nowMs)}` },
  ];
  return all
    .flatMap((mark): readonly Mark[] => {
      const track = tracks.findIndex(({ endMs: end }) => mark.atMs <= end);
      const spans = tracks[track]?.spans;
      if (!spans) return [];
      const span = spans.findIndex(({ beginMs, durationMs }) => mark.atMs <= beginMs + durationMs);
      return [{ ...mark, track, span: span < 0 ? spans.length - 1 : span }];
    })
    .sort((a, b) => a.atMs - b.atMs);
}

interface Happened {
  readonly what: string;
  readonly atMs: number;
}

const FAULT_NAMES: Readonly<Record<FaultSeen['fault'], string>> = {
  cutPower: 'power cut',
  flipMemory: 'a byte of memory altered',
  failDisk: 'a disk fails',
  alterSector: 'a sector altered',
};

const happened = ({ fault, machine, virtualMs }: FaultSeen, machines: readonly MachineShown[]): readonly Happened[] => {
  const of = machines.find(({ number }) => number === machine);
  return of ? [{ what: FAULT_NAMES[fault], atMs: of.startVirtualMs + virtualMs }] : [];
};

/** The mistakes that the kernel has made because it was asked to. */
const mistakes = (machines: readonly MachineShown[]): readonly Happened[] =>
  machines.flatMap(({ startVirtualMs, markers }) =>
    markers
      .filter(({ kind }) => kind === MISTAKE_MARKERS.made)
      .map(({ virtualMs }) => ({ what: 'a mistake of the kernel', atMs: startVirtualMs + virtualMs })),
  );
