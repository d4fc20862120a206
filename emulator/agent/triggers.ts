// SPDX-License-Identifier: MIT
/**
 * Triggers that last over several runs. The Machine contract counts markers from the start of each run, but an
 * exchange with the agent is many runs: one for each frame. This keeps the count across them, so that each trigger
 * fires once, at the event meant.
 */
import type { RunReport, RunRequest, Trigger } from '../machine/contract.js';

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

  /** What the next run is to watch for. */
  armed(): readonly ArmedTrigger[] {
    return this.#pending.map(({ when, then }) => ({ when, then }));
  }

  /**
   * Takes account of a run made with `armed()`: drops what has fired, counts what has been seen.
   * @returns the caller's index of the trigger that stopped the run, if one did.
   */
  after(report: RunReport): number | undefined {
    const stopped = report.reason.why === 'trigger' ? this.#pending[report.reason.index]?.index : undefined;
    this.#pending = this.#pending.filter((trigger) => trigger.index !== stopped && !advance(trigger, report));
    return stopped;
  }
}

/** True when the trigger has fired in that run; else counts the markers that it still has to let pass. */
function advance(trigger: Pending, report: RunReport): boolean {
  const { when } = trigger;
  switch (when.on) {
    case 'marker': {
      const seen = report.markers.filter(({ kind }) => kind === when.kind).length;
      const left = (when.nth ?? 1) - seen;
      trigger.when = { ...when, nth: left };
      return left <= 0;
    }
    case 'instruction':
      return report.instructions >= when.count;
    case 'write':
      // Its index counts from power-on: a write that has passed does not come again.
      return false;
  }
}
