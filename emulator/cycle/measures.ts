// SPDX-License-Identifier: MIT
/** Computes from the markers how long the parts of a cycle took. */
import { stepBegin, stepEnd, type KernelStep } from '../machine/markers.js';
import type { MarkerSeen } from '../machine/contract.js';
import { between, thawAfterRestore, type Span } from './frozen.js';

/** What could be measured of a cycle. */
export interface Measures {
  /** Steps of the kernel, from the call on until the machine is off, or until the snapshot is rolled back. */
  readonly steps: Readonly<Partial<Record<KernelStep, Span>>>;
  /** From the end of the atomic copy to power-off. */
  readonly save?: Span;
  /** From power-on to the thaw of the restored tasks. */
  readonly resume?: Span;
  /** From the request to the thaw of the restored tasks. */
  readonly rollback?: Span;
  /** Pages that the atomic copy has copied. Those that hold zeros alone are not. */
  readonly copiedPages?: number;
  /** Pages that were not copied, but preserved in place. */
  readonly preservedPages?: number;
}

/** The steps that are told of as such; the others contain them, or the time in which the machine is off. */
const TOLD = [
  'freezeFilesystems',
  'freezeTasks',
  'shrink',
  'preserve',
  'quiesce',
  'copy',
  'devicesResume',
  'substitute',
  'thawTasks',
  'thawFilesystems',
  'imageWrite',
  'commit',
] as const satisfies readonly KernelStep[];

interface Lived {
  readonly markers: readonly MarkerSeen[];
  readonly instructions: number;
  readonly virtualMs: number;
}

/** Those of a cycle whose machine was turned off. `restored`: the markers of the machine that resumed. */
export function measuresAcrossPowerOff(live: Lived, restored: readonly MarkerSeen[]): Measures {
  const markers = sinceCall(live.markers);
  const copied = markers.find(isEnd('copy'));
  const thawed = thawAfterRestore(restored);
  return {
    ...measuresOf(markers),
    ...(copied && {
      save: { virtualMs: live.virtualMs - copied.virtualMs, instructions: live.instructions - copied.instruction },
    }),
    ...(thawed && { resume: { virtualMs: thawed.virtualMs, instructions: thawed.instruction } }),
  };
}

/** Those of a cycle in one machine, which was rolled back or committed. */
export function measuresInOneMachine(all: readonly MarkerSeen[]): Measures {
  const markers = sinceCall(all);
  const asked = markers.findIndex(isBegin('rollback'));
  // The restored kernel ends steps that the live one has begun.
  const live = asked < 0 ? markers : markers.slice(0, asked);
  const [request, thawed] = [markers[asked], thawAfterRestore(markers.slice(asked + 1))];
  return { ...measuresOf(live), ...(request && thawed && { rollback: between(request, thawed) }) };
}

/** The markers from the last call on. */
function sinceCall(markers: readonly MarkerSeen[]): readonly MarkerSeen[] {
  return markers.slice(Math.max(0, markers.findLastIndex(isBegin('call'))));
}

function measuresOf(markers: readonly MarkerSeen[]): Measures {
  const steps: Partial<Record<KernelStep, Span>> = {};
  for (const step of TOLD) {
    const begun = markers.findIndex(isBegin(step));
    const [begin, end] = [markers[begun], markers.slice(begun + 1).find(isEnd(step))];
    if (begin && end) steps[step] = between(begin, end);
  }
  const [copied, preserved] = [markers.find(isEnd('copy')), markers.find(isEnd('preserve'))];
  return {
    steps,
    ...(copied && { copiedPages: copied.word0 }),
    ...(preserved && { preservedPages: preserved.word0 }),
  };
}

const isBegin =
  (step: KernelStep) =>
  ({ kind }: MarkerSeen): boolean =>
    kind === stepBegin(step);
const isEnd =
  (step: KernelStep) =>
  ({ kind }: MarkerSeen): boolean =>
    kind === stepEnd(step);
