// SPDX-License-Identifier: MIT
/** Stands between two places of a run, in the middle of what that asks of a machine. */
import { concat } from '../../../../machine/bytes.js';
import type { Checkpoint, Machine, MarkerSeen, RunReport, RunRequest } from '../../../../machine/contract.js';
import type { Instant } from '../../../../scenario/session-file.js';
import type { Inside, RunSoFar } from './inside.js';
import { isReached, waysTo, type Place, type Reached } from './ways.js';

/** An instant within what the run asks of a machine, and who looks at the machine that stands there. */
export interface Visit extends Inside {
  /** The run goes on when the promise resolves. */
  readonly visit: (visited: Visited) => Promise<void>;
}

/** A machine that stands for a visit. */
export interface Visited extends Instant {
  readonly machine: Pick<Machine, 'readMemory' | 'captureMemory' | 'readScreen'>;
  /** All that it has sent since it was made. */
  readonly markers: readonly MarkerSeen[];
  /** It is the caller's from now on, also when the visit is over. */
  readonly take: () => Taken;
}

/** A machine that was visited, and belongs to nobody else. */
export interface Taken extends Instant {
  readonly machine: Machine;
  /** What its console has shown since it was made. */
  readonly console: Uint8Array;
  /** Makes another one, from a checkpoint of it. */
  readonly make: (checkpoint: Checkpoint) => Promise<Machine>;
}

/** What a machine of a run was asked. */
export interface Passed {
  /** Of the machine. */
  readonly number: number;
  readonly from: Place;
  readonly to: Reached;
}

/** The end is within, and the beginning is not: a machine that is asked something moves on by a tick at least. */
const isWithin = (atMs: number, { beginMs, virtualMs }: Pick<RunReport, 'beginMs' | 'virtualMs'>): boolean =>
  beginMs < atMs && atMs <= virtualMs;

/** A machine that stands between two places. */
export interface Stands {
  readonly machine: Machine;
  readonly soFar: RunSoFar;
}

export interface Visits {
  /** The machines that are asked from now on have this number in the run, 1 for the first. */
  readonly powersOn: (number: number) => void;
  /** The run has asked something of a machine that stood at `from`. Only what somebody follows by `onWritten` is counted. */
  readonly pass: (from: Place, to: Place, request: Pick<RunRequest, 'onWritten'>) => void;
  /**
   * The next run is going to an instant that a run before has passed, or to the nearest after it: what was before a machine was restored
   * was nowhere asked. The machine is made there from now on. Undefined: it is going to none.
   */
  readonly prepare: (inside: Inside | undefined) => void;
  /**
   * A run begins.
   * @param visit of the instant that was prepared last. Without one, what was prepared is dropped.
   * @param isForgotten whether nothing is known of a place any more.
   */
  readonly begin: (visit: Visit['visit'] | undefined, isForgotten: (place: Place) => boolean) => void;
  /** There is no visit in what is asked between these places, or it is over when the promise resolves. `show`: gets what was done until then. */
  readonly between: (from: Place, to: Place, show: (soFar: RunSoFar) => void) => Promise<void>;
  /** The run does not come to where it was to be visited. */
  readonly drop: () => void;
}

/** A machine that is made for a visit. */
interface Prepared {
  readonly at: Passed;
  readonly stands: Promise<Stands>;
}

export interface VisitsDeps {
  /** Makes a machine that stands at a virtual time of it. */
  readonly stand: (at: Passed, virtualMs: number) => Promise<Stands>;
  /** Makes one as that of a place, from a checkpoint of it. */
  readonly restore: (place: Place, checkpoint: Checkpoint) => Promise<Machine>;
}

export function createVisits({ stand, restore }: VisitsDeps): Visits {
  /** What runs have asked, by the place to which they came by that. */
  const passed = new Map<Reached, Passed>();
  let number = 0;
  let prepared: Prepared | undefined;
  let visiting: (Prepared & Pick<Visit, 'visit'>) | undefined;

  const close = (of: Prepared | undefined): void => {
    of?.stands.then(
      ({ machine }) => machine.close(),
      () => undefined,
    );
  };
  const drop = (): void => {
    close(visiting);
    visiting = undefined;
  };

  return {
    powersOn(next) {
      number = next;
    },
    pass(from, to, { onWritten }) {
      if (!onWritten || !isReached(to)) return;
      if (!passed.has(to)) passed.set(to, { number, from, to });
    },
    prepare(inside) {
      close(prepared);
      prepared = undefined;
      if (!inside) return;
      const { machine, virtualMs } = inside;
      const asked = [...passed.values()].filter(({ number }) => number === machine);
      // Where a scenario was changed, the last run is the one that counts.
      const at =
        asked.findLast(({ to }) => isWithin(virtualMs, to.came.report.report)) ??
        asked.find(({ to }) => virtualMs < to.came.report.report.virtualMs);
      if (!at) return;
      const stands = stand(at, virtualMs);
      // Whoever waits for it is told.
      stands.catch(() => undefined);
      prepared = { at, stands };
    },
    begin(visit, isForgotten) {
      drop();
      number = 0;
      for (const place of passed.keys()) if (isForgotten(place)) passed.delete(place);
      if (prepared && visit) visiting = { ...prepared, visit };
      else close(prepared);
      prepared = undefined;
    },
    async between(from, to, show) {
      if (!visiting || from !== visiting.at.from || to !== visiting.at.to) return;
      const { visit, stands } = visiting;
      visiting = undefined;
      const { machine, soFar } = await stands;
      const { instructions, virtualMs } = soFar;
      const before = waysTo(from).map(({ report }) => report.report);
      const markers = [...before.flatMap(({ markers }) => markers), ...soFar.markers];
      let isTaken = false;
      const take = (): Taken => {
        isTaken = true;
        return {
          machine,
          instructions,
          virtualMs,
          console: concat([...before.map(({ console }) => console), soFar.console]),
          make: (checkpoint) => restore(from, checkpoint),
        };
      };
      try {
        show(soFar);
        await visit({ machine, instructions, virtualMs, markers, take });
      } finally {
        if (!isTaken) await machine.close();
      }
    },
    drop,
  };
}
