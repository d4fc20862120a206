// SPDX-License-Identifier: MIT
/** What is remembered of a machine: the places where it has stood, and what it was asked between them. */
import type { Asked, Capture, Checkpoint, RestoreConfig, RunReport } from '../../../../machine/contract.js';
import { RigError } from '../../../../machine/errors.js';
import type { Kept } from './checkpoints.js';
import type { Between } from './stretches.js';

/** How a machine is made. Without a checkpoint it is powered on. */
export interface Origin {
  readonly config: RestoreConfig;
  readonly checkpoint: Checkpoint | undefined;
}

/** A place where a machine has stood, and what was asked of it there. */
export interface Place {
  readonly origin: Origin;
  /** The place before, and how the machine got from there to here. */
  readonly came: Way | undefined;
  readonly next: Place[];
  /** Names the machine among the checkpoints. */
  readonly line: number;
  /** Real time from the beginning of the machine to here, in ms. */
  readonly costMs: number;
  /** No checkpoint tells of a disk that fails. */
  readonly hasFailedDisk: boolean;
  kept: Kept | undefined;
  /** A checkpoint that somebody has asked for. */
  given: Checkpoint | undefined;
  stateHash: string | undefined;
}

export interface Way {
  readonly from: Place;
  readonly asked: Asked;
  readonly report: Remembered;
  /** Checkpoints within it, in their order. */
  readonly within: readonly KeptWithin[];
}

/** Where a machine has stood within what it was asked. */
export interface KeptWithin {
  readonly at: Between;
  readonly kept: Kept;
}

/** The memories of a report are held with the checkpoints. */
export interface Remembered {
  readonly report: Omit<RunReport, 'captures'>;
  captures: readonly { readonly of: Omit<Capture, 'memory'>; readonly kept: Kept }[];
}

/** What is not known of a place at first. */
export const NEW = {
  came: undefined,
  costMs: 0,
  hasFailedDisk: false,
  kept: undefined,
  given: undefined,
  stateHash: undefined,
} as const satisfies Partial<Place>;

/** A place that is not the beginning of its machine. */
export type Reached = Place & { readonly came: Way };
export const isReached = (place: Place): place is Reached => place.came !== undefined;

/** Where the machine of a place begins. */
export const rootOf = (place: Place): Place => waysTo(place)[0]?.from ?? place;

/** All that its machine was asked until it came to a place, in the order. */
export function waysTo(place: Place): readonly Way[] {
  const ways: Way[] = [];
  for (let at = place; at.came; at = at.came.from) ways.push(at.came);
  return ways.reverse();
}

/** What running from the beginning of the machine to the last checkpoint before a place took, in ms. */
export function lastKept(place: Place): number {
  for (let at: Place | undefined = place; at; at = at.came?.from) {
    if (at.kept?.isHeld() === true) return at.costMs;
    const nearest = at.came?.within.findLast(({ kept }) => kept.isHeld());
    if (nearest) return nearest.kept.costMs;
  }
  return 0;
}

/**
 * Undefined when a memory that it captured is no longer held. Memories are made when they are read, which few are, and held until
 * the pins are released.
 */
export function reportOf({ report, captures }: Remembered, pins: (() => void)[]): RunReport | undefined {
  if (captures.some(({ kept }) => !kept.isHeld())) return undefined;
  for (const { kept } of captures) pins.push(kept.pin());
  return { ...report, captures: captures.map(({ of, kept }) => lazily(of, kept)) };
}

function lazily(of: Omit<Capture, 'memory'>, kept: Kept): Capture {
  let memory: Uint8Array | undefined;
  return {
    ...of,
    get memory() {
      memory ??= kept.read()?.bytes;
      if (!memory) throw new RigError('a memory that was captured is no longer held');
      return memory;
    },
  };
}

export const hasEnded = ({ came }: Place): boolean =>
  ['powerCut', 'halted', 'reset', 'misuse'].includes(came?.report.report.reason.why ?? '');
