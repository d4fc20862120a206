// SPDX-License-Identifier: MIT
/** What the colours of the timeline mean: those of steps are areas, those of tracks lines, those of marks frames. */
import type { LegendRow } from './legend.js';
import { cssOf } from './picture.js';
import type { MarkKind } from './timeline-marks.js';
import { TRACK_COLOURS, TRACK_NAMES, type Span, type TrackKind } from './timeline-model.js';

/** Steps of one colour. */
type StepGroup = 'runs' | 'freeze' | 'copy' | 'thaw' | 'end';

const GROUP_OF: Readonly<Record<Span['step'], StepGroup>> = {
  runs: 'runs',
  call: 'runs',
  frozen: 'freeze',
  freezeFilesystems: 'freeze',
  freezeTasks: 'freeze',
  shrink: 'freeze',
  preserve: 'freeze',
  quiesce: 'freeze',
  copy: 'copy',
  restore: 'copy',
  imageRead: 'copy',
  imageWrite: 'copy',
  thawTasks: 'thaw',
  thawFilesystems: 'thaw',
  devicesResume: 'thaw',
  substitute: 'thaw',
  powerOff: 'end',
  rollback: 'end',
  commit: 'end',
};

const GROUP_NAMES: Readonly<Record<StepGroup, string>> = {
  runs: 'programs run',
  freeze: 'freezing, or frozen',
  copy: 'copying, restoring, the image',
  thaw: 'thawing',
  end: 'power-off, rollback, commit',
};

/** As in CSS. The style sheet has a value for each scheme. */
const GROUP_COLOURS: Readonly<Record<StepGroup, string>> = {
  runs: 'var(--plain)',
  freeze: 'var(--freeze)',
  copy: 'var(--copy)',
  thaw: 'var(--thaw)',
  end: 'var(--end)',
};

const MARK_NAMES: Readonly<Record<MarkKind, string>> = {
  now: 'where the run is now',
  place: 'a place of the run',
  fault: 'a fault: damage on purpose',
  failure: 'a failure: what was found',
};

/** Likewise. */
const MARK_COLOURS: Readonly<Record<MarkKind, string>> = {
  now: 'var(--focus)',
  place: 'var(--text)',
  fault: 'var(--fault)',
  failure: 'var(--bad)',
};

/** As in CSS. */
export const stepColour = (step: Span['step']): string => GROUP_COLOURS[GROUP_OF[step]];
export const trackColour = (kind: TrackKind): string => cssOf(TRACK_COLOURS[kind]);
export const markColour = (kind: MarkKind): string => MARK_COLOURS[kind];

const keysOf = <Key extends string>(of: Readonly<Record<Key, string>>): readonly Key[] => Object.keys(of) as Key[];

export const STEP_ROWS: readonly LegendRow[] = keysOf(GROUP_NAMES).map((kind) => ({
  kind,
  name: GROUP_NAMES[kind],
  colour: GROUP_COLOURS[kind],
}));
/** Of steps to which the run has not come yet. */
export const AHEAD_ROW: LegendRow = { kind: 'ahead', name: 'in the run before', colour: 'var(--dim)', as: 'dashes' };
export const TRACK_ROWS: readonly LegendRow[] = keysOf(TRACK_NAMES).map((kind) => ({
  kind,
  name: TRACK_NAMES[kind],
  colour: trackColour(kind),
  as: 'line',
}));
export const MARK_ROWS: readonly LegendRow[] = keysOf(MARK_NAMES).map((kind) => ({
  kind,
  name: MARK_NAMES[kind],
  colour: MARK_COLOURS[kind],
  as: 'frame',
}));
