// SPDX-License-Identifier: MIT
/** What a tab keeps of where it is, and how the page comes back there when it is loaded again. */
import type { Moment } from '../../../cycle/steps/context.js';
import type { KeptRun } from '../storage/kept-run.js';
import { isSame } from './places.js';
import type { FromSession, Pause, ToSession } from './protocol.js';

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

/** What a page has to do when its worker has told something. */
export interface Following {
  readonly send?: ToSession;
  /** What the tab keeps from now on: this pause, this machine, or nothing any more. */
  readonly keep?: 'pause' | 'machine' | 'nothing';
}

/**
 * Follows a page that was loaded. Until it is where it was, what is kept stays as it is. A page that fails keeps it, because it is loaded
 * again, unless it fails on its way back.
 * @param kept the run that the tab was in. `hasMachine`: the worker has got a machine that the tab was at.
 */
export function comeBack(kept: KeptRun | undefined, hasMachine: boolean): (message: FromSession) => Following {
  let isBack = !kept && !hasMachine;
  /** Until the run is on its way to the instant, if it was at one. */
  let goesBack = kept?.within !== undefined;
  return (message) => {
    switch (message.tell) {
      case 'prompt':
        return kept ? { send: { do: 'run', stepwise: true, text: kept.text, to: kept.at } } : {};
      case 'paused': {
        const way = kept && goesBack ? wayBack(kept, message.at) : undefined;
        goesBack = way?.do === 'goOn';
        if (way) return { send: way };
        isBack = true;
        return { keep: 'pause' };
      }
      case 'refused':
        isBack = true;
        return {};
      case 'recall':
        // That of the prompt, before the run begins, is not where the tab was.
        isBack ||= !kept;
        return {};
      case 'keep':
        if (message.kept) return isBack ? { keep: 'machine' } : {};
        // The machine that was kept cannot be had any more.
        return isBack || hasMachine ? { keep: 'nothing' } : {};
      case 'failed':
        return isBack ? {} : { keep: 'nothing' };
      case 'verdict':
      case 'ended':
        return { keep: 'nothing' };
      default:
        return {};
    }
  };
}

const momentOf = ({ step, part }: Moment): Moment => ({ step, part });
