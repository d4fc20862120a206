// SPDX-License-Identifier: MIT
/**
 * Triggers that stay set over several runs. The Machine contract counts markers from the start of each run, but an
 * exchange with the agent needs many runs, one for each frame. This class counts across runs, so that each trigger
 * fires once, at the intended event.
 */
import type { RunReport, RunRequest, Trigger } from '../machine/contract.js';
import { occurrencesLeft } from '../machine/occurrences.js';

export type ArmedTrigger = NonNullable<RunRequest['triggers']>[number];

interface Pending {
  /** Index in the caller's list. */
  readonly index: number;
  when: Trigger;
  readonly then: ArmedTrigger['then'];
}

export class TriggerSet {
  #pending: Pending[];
  constructor(triggers: readonly ArmedTrigger[] = []) {
    this.#pending = triggers.map(({ when, then }, index) => ({ index, when, then }));
  }

  /** The triggers for the next run. */
  armed(): readonly ArmedTrigger[] {
    return this.#pending.map(({ when, then }) => ({ when, then }));
  }

  /**
   * Evaluates a run made with `armed()`: drops triggers that fired, and counts the markers seen.
   * @returns the caller's index of the trigger that stopped the run, if one did.
   */
  after(report: RunReport): number | undefined {
    const stopped = report.reason.why === 'trigger' ? this.#pending[report.reason.index]?.index : undefined;
    this.#pending = this.#pending.filter((trigger) => trigger.index !== stopped && !advance(trigger, report));
    return stopped;
  }
}

/** True when the trigger fired in that run; else updates the number of markers or writes that it must still let pass. */
function advance(trigger: Pending, report: RunReport): boolean {
  const { when } = trigger;
  switch (when.on) {
    case 'writeTo':
    case 'marker': {
      const left = occurrencesLeft(when, report);
      trigger.when = { ...when, nth: left };
      return left <= 0;
    }
    case 'instruction':
      return report.instructions >= when.count;
    case 'write':
      // Its index counts from power-on, so a write that has passed does not occur again.
      return false;
  }
}
