// SPDX-License-Identifier: MIT
/**
 * Three kinds of failure that must never be confused, each with its exit status.
 * Findings (a page that differs) are data in a report, not errors.
 */

import type { MarkerSeen } from './contract.js';
import { markerName } from './markers.js';

/** Exit statuses of the command line. */
export const EXIT = {
  pass: 0,
  /** The guest lost something: a verdict of fail. */
  guestFailed: 1,
  /** The scenario, option or file given is wrong. */
  badInput: 2,
  /** The rig itself could not do its work (missing tool, broken cache, host fault). */
  rigFailed: 3,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
} as const;

export interface ErrorDetail {
  /** The remedy, one sentence. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

abstract class SnapbackError extends Error {
  abstract readonly exitCode: number;
  readonly remedy: string | undefined;
  constructor(message: string, detail: ErrorDetail = {}) {
    super(message, { cause: detail.cause });
    this.name = new.target.name;
    this.remedy = detail.remedy;
  }
}

/** The input is wrong: a scenario, an option, a file that the user named. */
export class InputError extends SnapbackError {
  readonly exitCode = EXIT.badInput;
}

/** The rig could not do its work. */
export class RigError extends SnapbackError {
  readonly exitCode = EXIT.rigFailed;
}

/** The guest did not do what the rig waited for: it faulted, hung, or never reached a marker. */
export class GuestError extends SnapbackError {
  readonly exitCode = EXIT.guestFailed;
  /** The last lines of the console, oldest first. */
  readonly consoleTail: readonly string[];
  constructor(message: string, detail: ErrorDetail & { readonly consoleTail?: readonly string[] } = {}) {
    super(message, detail);
    this.consoleTail = detail.consoleTail ?? [];
  }
}

/** The machine makes no progress: an action of the guest keeps the emulator busy without end. Its state is lost. */
export class StallError extends GuestError {
  /** `stalledMs` is the real time without progress. */
  constructor(
    readonly stalledMs: number,
    readonly lastMarker: MarkerSeen | undefined,
  ) {
    const marker =
      lastMarker === undefined
        ? 'it has passed no marker'
        : `its last marker is ${markerName(lastMarker.kind)}, at instruction ${lastMarker.instruction}`;
    super(`the machine has not moved at all for ${stalledMs / 1000} s of real time; ${marker}`, {
      remedy: 'find out how the guest uses a device at that point: the emulation of that device does not end',
    });
  }
}

/**
 * Power was cut while something was awaited of the guest. Only faults of a plan cut power, so the step with the fault
 * takes it for the planned cut.
 */
export class PowerCut extends GuestError {}

/** True for the errors above. They are shown without a stack trace. */
export function isSnapbackError(error: unknown): error is InputError | RigError | GuestError {
  return error instanceof SnapbackError;
}
