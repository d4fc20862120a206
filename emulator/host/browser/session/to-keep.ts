// SPDX-License-Identifier: MIT
/** What the page keeps of a pause, so that a run can come back there when the page is loaded again. */
import type { Moment } from '../../../cycle/steps/context.js';
import type { KeptRun } from '../storage/kept-run.js';
import { isSame } from './places.js';
import type { Pause } from './protocol.js';

/** `hash`: see {@link KeptRun}. */
export function toKeep(hash: string, { text, at, inside, places }: Omit<Pause, 'possible'>): KeptRun {
  const next = places[places.findIndex((place) => isSame(place, at)) + 1];
  return { hash, text, at: momentOf(at), ...(inside && next && { within: { inside, next: momentOf(next) } }) };
}

const momentOf = ({ step, part }: Moment): Moment => ({ step, part });
