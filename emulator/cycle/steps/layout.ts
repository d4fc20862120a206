// SPDX-License-Identifier: MIT
import type { MarkerSeen } from '../../machine/contract.js';
import { MARKER_LAYOUT } from '../../machine/markers.js';
import type { Recorder } from '../recorder.js';

/** The marker by which the kernel that this machine has booted announced its layout table; undefined before that. */
export const layoutSent = (recorder: Recorder): MarkerSeen | undefined =>
  recorder.seen().markers.find(({ kind }) => kind === MARKER_LAYOUT);
