// SPDX-License-Identifier: MIT
/** The timeline of a run, from the markers of its machines: what the kernel did when, and where the run branches. */
import type { MachineShown } from '../../../cycle/machines.js';
import { KERNEL_STEPS, stepBegin, stepEnd, type KernelStep } from '../../../machine/markers.js';

/**
 * `run`: a machine until its snapshot. `live`: after it. `boot`: a new machine until the snapshot is restored.
 * `restored`: after that.
 */
export type TrackKind = 'run' | 'live' | 'boot' | 'restored';

/** A step of the kernel, or the time between two: programs run then, or all of them are frozen. */
export interface Span {
  readonly step: KernelStep | 'runs' | 'frozen';
  /** Virtual time since the first power-on, over all machines. */
  readonly beginMs: number;
  readonly durationMs: number;
  /** The step has not ended: the machine has stopped in it. */
  readonly isCut: boolean;
}

export interface Track {
  readonly kind: TrackKind;
  /** Number of its machine. */
  readonly machine: number;
  readonly beginMs: number;
  readonly endMs: number;
  /** In their order, without gaps. Steps within steps are left out but for those of the call itself. */
  readonly spans: readonly Span[];
  /** Index of the track at whose end this one begins, if there is one: both tracks after a snapshot have the same. */
  readonly from: number | undefined;
}

/** The step that has all others of a snapshot in it. */
const OUTER: KernelStep = 'call';
const STEP_OF = new Map<number, { readonly step: KernelStep; readonly ends: boolean }>(
  (Object.keys(KERNEL_STEPS) as KernelStep[]).flatMap((step) => [
    [stepBegin(step), { step, ends: false }] as const,
    [stepEnd(step), { step, ends: true }] as const,
  ]),
);

/** Tracks in the order in which they begin. */
export function timelineOf(machines: readonly MachineShown[]): readonly Track[] {
  const tracks: Track[] = [];
  let snapshot: Snapshot | undefined;
  for (const { number, startVirtualMs, virtualMs, markers } of machines) {
    let track = begin(number === 1 ? 'run' : 'boot', number, startVirtualMs);
    for (const { kind, virtualMs: at } of markers) {
      const known = STEP_OF.get(kind);
      if (!known) continue;
      const nowMs = startVirtualMs + at;
      const { step, ends } = known;
      if (step === OUTER) continue;
      if (step === 'restore') {
        // Before it, the resuming kernel; after it, the one that was restored.
        if (!ends) track.open('restore', nowMs);
        else {
          tracks.push(track.end(nowMs));
          track = begin('restored', number, nowMs, snapshot);
        }
        continue;
      }
      if (!ends) track.open(step, nowMs);
      else track.close(step, nowMs);
      if (step === 'copy' && ends) {
        tracks.push(track.end(nowMs));
        snapshot = { at: tracks.length - 1, ...track.within() };
        track = begin('live', number, nowMs, snapshot);
      }
    }
    tracks.push(track.end(startVirtualMs + virtualMs, true));
  }
  return tracks;
}

/** Where a track begins in its machine. */
export interface TrackBegin {
  readonly kind: TrackKind;
  /** Instruction counter of the machine. */
  readonly instruction: number;
}

/** The tracks of one machine, as in {@link timelineOf}. */
export function trackBegins({ number, markers }: Pick<MachineShown, 'number' | 'markers'>): readonly TrackBegin[] {
  return [
    { kind: number === 1 ? 'run' : 'boot', instruction: 0 },
    ...markers.flatMap(({ kind, instruction }): readonly TrackBegin[] => {
      if (kind === stepEnd('copy')) return [{ kind: 'live', instruction }];
      return kind === stepEnd('restore') ? [{ kind: 'restored', instruction }] : [];
    }),
  ];
}

/** Where a machine is. */
interface Within {
  /** The steps that have begun and not ended, outermost first. */
  readonly open: readonly KernelStep[];
  readonly isFrozen: boolean;
}

/** The end of the track `at`, from which others branch. */
interface Snapshot extends Within {
  readonly at: number;
}

interface OpenTrack {
  open(step: KernelStep, nowMs: number): void;
  close(step: KernelStep, nowMs: number): void;
  within(): Within;
  /** `isLast`: the machine goes no further. */
  end(nowMs: number, isLast?: boolean): Track;
}

function begin(kind: TrackKind, machine: number, beginMs: number, after?: Snapshot): OpenTrack {
  const spans: Span[] = [];
  let reachedMs = beginMs;
  const add = (step: Span['step'], untilMs: number, isCut = false): void => {
    spans.push({ step, beginMs: reachedMs, durationMs: untilMs - reachedMs, isCut });
    reachedMs = untilMs;
  };
  /** Outermost first. The time of a step that has others in it is that of the innermost. */
  let open: readonly KernelStep[] = after?.open ?? [];
  let isFrozen = after?.isFrozen ?? false;
  const pass = (nowMs: number, isCut = false): void => {
    const step = open.at(-1) ?? (isFrozen ? 'frozen' : 'runs');
    if (nowMs > reachedMs || isCut) add(step, nowMs, isCut);
  };
  return {
    open(step, nowMs) {
      pass(nowMs);
      open = [...open, step];
    },
    close(step, nowMs) {
      // The begin may belong to the track before.
      if (open.includes(step)) {
        const at = open.lastIndexOf(step);
        if (at === open.length - 1 && nowMs === reachedMs) add(step, nowMs);
        else pass(nowMs);
        open = open.filter((_, index) => index !== at);
      } else pass(nowMs);
      if (step === 'freezeTasks') isFrozen = true;
      if (step === 'thawTasks') isFrozen = false;
    },
    within: () => ({ open, isFrozen }),
    end(nowMs, isLast = false) {
      // A power-off ends with its machine.
      pass(nowMs, isLast && open.length > 0 && open.at(-1) !== 'powerOff');
      return { kind, machine, beginMs, endMs: nowMs, spans, from: after?.at };
    },
  };
}

/** `20.1 ms`, `1.96 s`, `350 µs` */
export function durationText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms >= 1) return `${ms.toFixed(1)} ms`;
  return `${Math.round(ms * 1000)} µs`;
}

/** Names of steps for people. */
export const STEP_NAMES: Readonly<Record<Span['step'], string>> = {
  runs: 'programs run',
  frozen: 'frozen',
  call: 'call',
  freezeFilesystems: 'freeze filesystems',
  freezeTasks: 'freeze tasks',
  shrink: 'make room',
  preserve: 'preserve pages',
  quiesce: 'quiesce devices',
  copy: 'copy',
  restore: 'restore',
  devicesResume: 'resume devices',
  substitute: 'substitute',
  thawTasks: 'thaw tasks',
  thawFilesystems: 'thaw filesystems',
  imageWrite: 'write image',
  imageRead: 'read image',
  powerOff: 'power off',
  rollback: 'roll back',
  commit: 'commit',
};

/** As 0xRRGGBB, and as those of the disk map. */
export const TRACK_COLOURS: Readonly<Record<TrackKind, number>> = {
  run: 0x0072b2,
  live: 0xd55e00,
  boot: 0xcc79a7,
  restored: 0x009e73,
};

export const TRACK_NAMES: Readonly<Record<TrackKind, string>> = {
  run: 'until the snapshot',
  live: 'live timeline',
  boot: 'new machine',
  restored: 'restored timeline',
};
