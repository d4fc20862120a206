// SPDX-License-Identifier: MIT
/**
 * An engine that remembers what its machines did. A machine that is made as an earlier one and asked the same answers from memory,
 * without running. It is made to stand there really, from the nearest checkpoint on, when something is asked of it that is not
 * remembered. So a run that begins anew comes back in no time to where it has been.
 */
import { isAlike } from '../../../../machine/alike.js';
import type {
  Asked,
  Capture,
  Checkpoint,
  Engine,
  Machine,
  MachineConfig,
  RunReport,
  RunRequest,
} from '../../../../machine/contract.js';
import { RigError } from '../../../../machine/errors.js';
import { createNews } from '../../../../machine/written.js';
import { costOf, KEPT_EVERY_MS } from '../pace.js';
import type { Checkpoints, Kept } from './checkpoints.js';
import { runInto, type Inside, type RunSoFar } from './inside.js';
import { restOf, runInStretches, withMore, type Between } from './stretches.js';
import { notTheSame } from './tape.js';
import { createVisits, type Passed, type Stands, type Visit } from './visits.js';
import {
  hasEnded,
  lastKept,
  NEW,
  reportOf,
  rootOf,
  type Origin,
  type Place,
  type Reached,
  type Remembered,
  type KeptWithin,
  type Way,
} from './ways.js';

export interface Remembering {
  /** Its machines can be replaced by others that did the same, so it has to be deterministic. */
  readonly engine: Engine;
  /**
   * The next run is going to a place of this name, or to an instant that the run before has passed. The machine is made there from now on,
   * while the run before ends and the next one comes to it from memory.
   */
  readonly prepare: (to: string | Inside) => void;
  /** A run begins. Of the run before, nothing is needed any more but what is remembered. */
  readonly begin: () => void;
  /** Likewise, and it goes to what was prepared last. `visit`: if that is an instant. */
  readonly beginPrepared: (visit: Visit['visit']) => void;
  /** The machines that are asked from now on, for somebody who follows them by `onWritten`, have this number in the run, 1 for the first. */
  readonly powersOn: (number: number) => void;
  /**
   * Makes the machine that was asked last stand where it is. A checkpoint of it is left there while nothing else is asked of it.
   * Does nothing when there is none.
   * @param name of the place, for {@link begin}.
   * @throws RigError when it is not the same machine as before.
   */
  readonly stand: (name: string) => Promise<void>;
}

export interface RememberingDeps {
  /** Of the machines, and what they have captured. */
  readonly checkpoints: Checkpoints;
  /** The number that the first machine has there. */
  readonly firstLine: number;
  /** Real time in ms. It decides where checkpoints are made, and about nothing else. */
  readonly now: () => number;
}

/** Where a machine stands, it leaves a checkpoint when it has run for so long, in real ms, since the one before. */
const CHECKPOINT_STANDING_MS = 100;
/** A machine that so many new runs did not come to is forgotten, with its disks. */
const RUNS_REMEMBERED = 8;

export function rememberingEngine(engine: Engine, { checkpoints, firstLine, now }: RememberingDeps): Remembering {
  let origins: readonly { readonly place: Place; lastRun: number }[] = [];
  let run = 0;
  let lines = firstLine;
  let last: Pick<Real, 'stand' | 'isThere' | 'place'> | undefined;
  const named = new Map<string, Place>();
  /** The machine that is made before its run has come to it. */
  let ahead: { readonly place: Place; readonly machine: Promise<Machine> } | undefined;
  /** Of the memories that the present run may read. */
  let pins: (() => void)[] = [];

  const originOf = (origin: Origin): Place => {
    const known = origins.find(({ place }) => isAlike(place.origin, origin));
    if (known) {
      known.lastRun = run;
      return known.place;
    }
    const place: Place = { ...NEW, origin, next: [], line: lines++ };
    origins = [...origins, { place, lastRun: run }];
    return place;
  };
  const hold = (
    captures: readonly Capture[],
    { line, costMs }: Pick<Place, 'line' | 'costMs'>,
  ): Remembered['captures'] =>
    captures.map(({ memory, used, ...of }) => ({
      of,
      kept: checkpoints.keep({ engine: engine.name, bytes: memory }, line, costMs, { grids: [], used }),
    }));
  const make = ({ config, checkpoint }: Origin): Promise<Machine> =>
    checkpoint ? engine.restore(config, checkpoint) : engine.powerOn(config as MachineConfig);

  /** @throws RigError when it does not go the way that it went before. */
  const goAgain = async (machine: Machine, place: Place, came: Way): Promise<RunReport> => {
    const again = await machine.run(came.asked);
    const { captures, ...report } = again;
    if (!isAlike(report, came.report.report)) throw notTheSame(report);
    if (came.report.captures.some(({ kept }) => !kept.isHeld())) came.report.captures = hold(captures, place);
    return again;
  };

  /** To the end of what was asked, from a checkpoint within it. @throws RigError when it ends elsewhere than before. */
  const goOnFrom = async (machine: Machine, { at }: KeptWithin, { asked, report }: Way): Promise<void> => {
    const rest = restOf(asked, at, report.report.beginMs);
    const { instructions, virtualMs } = await runInto(machine, rest, report.report.virtualMs);
    if (instructions !== report.report.instructions) throw notTheSame({ instructions, virtualMs });
  };

  /** A machine that stands at a place. `former` may stand on the way there; it is closed if it does not. */
  const machineAt = async (place: Place, former: Standing | undefined): Promise<Machine> => {
    const way: { readonly to: Place; readonly came: Way }[] = [];
    let begin = place;
    let kept = ifHeld(begin.kept);
    let nearest: KeptWithin | undefined;
    while (!kept && begin !== former?.place && begin.came) {
      const { came } = begin;
      way.unshift({ to: begin, came });
      nearest = came.within.findLast((one) => one.kept.isHeld());
      begin = came.from;
      kept = ifHeld((nearest ?? begin).kept);
    }
    const goesOn = !kept && begin === former?.place;
    const { config, checkpoint } = place.origin;
    const makeNew = async (from: Checkpoint | undefined): Promise<Machine> => {
      await former?.machine.close();
      return make({ config, checkpoint: from });
    };
    const machine = goesOn ? former.machine : await (kept?.lend(makeNew) ?? makeNew(checkpoint));
    try {
      for (const [index, { to, came }] of way.entries())
        await (index === 0 && nearest ? goOnFrom(machine, nearest, came) : goAgain(machine, to, came));
      return machine;
    } catch (error) {
      await machine.close();
      throw error;
    }
  };

  const makeAhead = (place: Place): void => {
    const machine = machineAt(place, undefined);
    // Whoever takes it is told.
    machine.catch(() => undefined);
    ahead = { place, machine };
  };
  /** Answers the machine that was made for this place, if one was. */
  const takeAhead = (place: Place): Promise<Machine> | undefined => {
    if (ahead?.place !== place) return undefined;
    const { machine } = ahead;
    ahead = undefined;
    return machine;
  };
  const dropAhead = (): void => {
    ahead?.machine.then(
      (machine) => machine.close(),
      () => undefined,
    );
    ahead = undefined;
  };

  const standInside = async ({ from, to }: Passed, virtualMs: number): Promise<Stands> => {
    const { asked, report, within } = to.came;
    const nearest = within.findLast(({ at, kept }) => at.virtualMs <= virtualMs && kept.isHeld());
    const made = nearest?.kept.lend((checkpoint) => engine.restore(from.origin.config, checkpoint));
    const machine = await (made ?? machineAt(from, undefined));
    try {
      if (!nearest) return { machine, soFar: await runInto(machine, asked, virtualMs) };
      const more = await runInto(machine, restOf(asked, nearest.at, report.report.beginMs), virtualMs);
      return { machine, soFar: withMore(report.report, nearest.at, more) };
    } catch (error) {
      await machine.close();
      throw error;
    }
  };
  const visits = createVisits({
    stand: standInside,
    restore: ({ origin }, checkpoint) => engine.restore(origin.config, checkpoint),
  });

  const machineOf = (origin: Origin): Real => {
    let place = originOf(origin);
    let real: Standing | undefined;
    let isClosed = false;
    let making: Promise<Machine> | undefined;

    const makeReal = async (): Promise<Machine> => {
      const [to, former] = [place, real];
      real = undefined;
      const made = takeAhead(to);
      if (made) await former?.machine.close();
      const machine = await (made ?? machineAt(to, former));
      if (isClosed) await machine.close();
      real = { machine, place: to };
      return machine;
    };
    const standing = async (): Promise<Machine> => {
      if (isClosed) throw new RigError('the machine has been ended');
      if (real?.place === place) return real.machine;
      // Several may ask at once.
      making ??= makeReal().finally(() => {
        making = undefined;
      });
      return making;
    };
    /** If it has run for so long, in real ms, since the one before. */
    const leaveCheckpoint = async (afterMs: number): Promise<void> => {
      const at = place;
      if (at.costMs - lastKept(at) < afterMs || hasEnded(at) || at.hasFailedDisk) return;
      const machine = await standing();
      at.kept = checkpoints.keep(await machine.checkpoint(), at.line, at.costMs);
    };
    /** Of the place where it stands. The machine runs on when that is over. */
    let leaving: Promise<void> = Promise.resolve();
    const standingFree = async (): Promise<Machine> => {
      await leaving;
      return standing();
    };
    const runReally = async (request: RunRequest, asked: Asked): Promise<RunReport> => {
      const machine = await standingFree();
      await leaveCheckpoint(KEPT_EVERY_MS);
      const from = place;
      const line = from.next.length > 0 ? lines++ : from.line;
      const hasFailedDisk = from.hasFailedDisk || (asked.triggers ?? []).some(({ then }) => then.do === 'failDisk');
      let [costMs, keptMs, begunMs] = [from.costMs, lastKept(from), now()];
      const within: KeptWithin[] = [];
      const addCost = (): void => {
        costMs += costOf(begunMs, now());
        begunMs = now();
      };
      const between = async (at: Between): Promise<void> => {
        addCost();
        if (costMs - keptMs < KEPT_EVERY_MS) return;
        const made = await machine.checkpoint();
        within.push({ at, kept: checkpoints.keep(made, line, costMs) });
        keptMs = costMs;
        begunMs = now();
      };
      const report = await (hasFailedDisk ? machine.run(request) : runInStretches(machine, request, { between, now }));
      addCost();
      const { captures, ...rest } = report;
      place = {
        ...NEW,
        origin,
        came: { from, asked, report: { report: rest, captures: hold(captures, { line, costMs }) }, within },
        next: [],
        line,
        costMs,
        hasFailedDisk,
      };
      real = { machine, place };
      // Where a run was aborted is not decided by what was asked.
      if (report.reason.why !== 'aborted') from.next.push(place);
      return report;
    };
    const self: Real = {
      place: () => (isClosed ? undefined : place),
      isThere: () => real?.place === place,
      async stand() {
        if (isClosed) return;
        await standing();
        leaving = leaveCheckpoint(CHECKPOINT_STANDING_MS).catch((error: unknown) => {
          // One that is closed meanwhile need not leave any.
          if (!isClosed) throw error;
        });
        // Whoever has it run on is told.
        leaving.catch(() => undefined);
      },
      machine: {
        engine: engine.name,
        async run(request) {
          last = self;
          const { signal: _signal, onConsole, onProgress: _onProgress, onWritten, ...asked } = request;
          const from = place;
          const known = place.next.find((one): one is Reached => isAlike(one.came?.asked, asked));
          if (!known) {
            const report = await runReally(request, asked);
            visits.pass(from, place, request);
            return report;
          }
          const news = createNews();
          const show = ({ console, ...soFar }: RunSoFar, shown = 0): void => {
            if (console.length > shown) onConsole?.(console.subarray(shown));
            const written = onWritten && news(soFar);
            if (written) onWritten(written);
          };
          let shown = 0;
          await visits.between(from, known, (soFar) => {
            show(soFar);
            shown = soFar.console.length;
          });
          let report = reportOf(known.came.report, pins);
          if (!report) {
            const machine = await standingFree();
            report = await goAgain(machine, known, known.came);
            real = { machine, place: known };
          }
          place = known;
          visits.pass(from, place, request);
          show(report, shown);
          return report;
        },
        readMemory: async (at, lengthBytes) => (await standing()).readMemory(at, lengthBytes),
        captureMemory: async () => (await standing()).captureMemory(),
        readScreen: async () => (await standing()).readScreen?.(),
        readShare: async () => (await standing()).readShare(),
        stateHash: async () => (place.stateHash ??= await (await standing()).stateHash()),
        checkpoint: async () => (place.given ??= await (await standing()).checkpoint()),
        async close() {
          isClosed = true;
          await real?.machine.close();
        },
      },
    };
    return self;
  };

  const beginRun = (visit: Visit['visit'] | undefined): void => {
    for (const release of pins) release();
    pins = [];
    origins = origins.filter(({ lastRun }) => lastRun >= run - RUNS_REMEMBERED);
    const isForgotten = (place: Place): boolean => !origins.some((one) => one.place === rootOf(place));
    for (const [name, place] of named) if (isForgotten(place)) named.delete(name);
    visits.begin(visit, isForgotten);
  };

  return {
    engine: {
      name: engine.name,
      traits: engine.traits,
      powerOn: (config) => Promise.resolve(machineOf({ config, checkpoint: undefined }).machine),
      restore: (config, checkpoint) => Promise.resolve(machineOf({ config, checkpoint }).machine),
      ...(engine.expect && {
        // A machine that only remembers is soon followed by one that need not be made.
        expect: async (config, checkpoint) => {
          if (last?.isThere() === true) await engine.expect?.(config, checkpoint);
        },
      }),
    },
    powersOn: visits.powersOn,
    prepare(to) {
      dropAhead();
      visits.prepare(typeof to === 'object' ? to : undefined);
      const place = typeof to === 'string' ? named.get(to) : undefined;
      if (place) makeAhead(place);
    },
    begin() {
      dropAhead();
      run += 1;
      beginRun(undefined);
    },
    // On the way to somewhere all is needed that was needed before.
    beginPrepared: beginRun,
    async stand(name) {
      const place = last?.place();
      // Nobody looks at a machine that has ended.
      const stands = place && !hasEnded(place);
      if (stands) named.set(name, place);
      else named.delete(name);
      if (stands) await last?.stand();
      // The run has come to another place than it was to.
      dropAhead();
      visits.drop();
    },
  };
}

/** A machine, as its user sees it. */
interface Real {
  readonly machine: Machine;
  readonly stand: () => Promise<void>;
  /** Where it is; undefined when it has been closed. */
  readonly place: () => Place | undefined;
  /** Whether it stands really there. */
  readonly isThere: () => boolean;
}

const ifHeld = (kept: Kept | undefined): Kept | undefined => (kept?.isHeld() === true ? kept : undefined);

interface Standing {
  readonly machine: Machine;
  readonly place: Place;
}
