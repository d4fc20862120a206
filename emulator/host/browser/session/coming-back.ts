// SPDX-License-Identifier: MIT
/** What the page keeps of a pause, and how a run comes back there when the page is loaded again. */
import type { Moment } from '../../../cycle/steps/context.js';
import type { KeptRun } from '../storage/kept-run.js';
import { isSame } from './places.js';
import type { Pause, ToSession } from './protocol.js';

/** `hash`: see {@link KeptRun}. */
export function toKeep(hash: string, { text, at, inside, places }: Omit<Pause, 'possible'>): KeptRun {
  const next = places[places.findIndex((place) => isSame(place, at)) + 1];
  return { hash, text, at: momentOf(at), ...(inside && next && { within: { inside, next: momentOf(next) } }) };
}

/**
 * What the run of a page that was loaded again has to do where it has paused, so that it comes back to the instant where it was kept: a run
 * can go back only to what it has been through. Undefined when this pause is not on its way.
 */
export function wayBack({ at, within }: KeptRun, paused: Moment): ToSession | undefined {
  if (!within) return undefined;
  if (isSame(paused, at)) return { do: 'goOn', all: false };
  return isSame(paused, within.next) ? { do: 'goTo', moment: at, inside: within.inside } : undefined;
}

const momentOf = ({ step, part }: Moment): Moment => ({ step, part });
