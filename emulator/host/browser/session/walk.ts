// SPDX-License-Identifier: MIT
/**
 * A run part by part, which can go back, and go on differently. A run can be repeated, so it gets to a place by beginning anew and
 * not pausing before. What its machines show on the way is compared with what they have shown there before. What proofs found is kept.
 */
import { bootStates, type BootStates } from '../../../cycle/boot.js';
import type { MachineShown } from '../../../cycle/machines.js';
import { splitAtSuspend, type Step } from '../../../cycle/plan.js';
import type { Moment, PausedAt, Standing } from '../../../cycle/steps/context.js';
import type { MarkerSeen } from '../../../machine/contract.js';
import { InputError } from '../../../machine/errors.js';
import { MARKER_LAYOUT, stepEnd } from '../../../machine/markers.js';
import { possibleAt, withDone, type Doing, type Possible } from './additions.js';
import { scenarioOf } from './edited.js';
import { createPlaces, isSame, type PlaceShown } from './places.js';
import type { Again, Pause } from './protocol.js';
import type { Inside } from './recall/inside.js';
import type { Taken, Visit, Visited } from './recall/visits.js';
import type { RunOptions } from './run.js';
import { createStepper, isBefore, type Stepper } from './stepper.js';

export interface Walk {
  /**
   * A run of the scenario in `text`, which is valid, begins.
   * @param again to get to a place of the run before.
   * @param look is shown the machine of each pause, and told when that ends; the run goes on when its promise resolves.
   * @param stand makes the machine stand really where the run pauses; it is given the name of the place, see {@link nameOf}.
   */
  readonly begin: (
    text: string,
    again: Again | undefined,
    look: (standing: Standing) => () => Promise<void>,
    stand: (name: string) => Promise<void>,
  ) => Required<Omit<RunOptions, 'onPowerOn'>> & Pick<Visit, 'visit'>;
  readonly goOn: (all: boolean) => void;
  /**
   * Ends the run that has paused. It has to be begun again as the answer says.
   * @param typed the text in the editor, if it has been typed in.
   * @param check throws when a text cannot be run.
   * @throws InputError when this cannot be done or would lose what was typed, and what `check` throws. The run goes on to pause then.
   */
  readonly change: (doing: Doing, typed: string | undefined, check: (text: string) => void) => Again | undefined;
  /** Likewise, to go to another place of the run that has paused or ended, or to an instant behind it. */
  readonly goTo: (to: Moment, inside?: Inside) => Again | undefined;
  /**
   * Ends the run that has paused within a part, and answers the machine that stands there. The run can still go to its places. Undefined
   * where it has not paused within a part.
   */
  readonly takeOver: () => TakenOver | undefined;
  /** All that the run can go to, in their order. */
  readonly places: () => readonly PlaceShown[];
  /** The run has come to its end. */
  readonly end: () => void;
  /** Whether a run has ended with this error because it is to be begun again. */
  readonly isLeft: (error: unknown) => boolean;
}

/** A machine of a run that was taken over. */
export interface TakenOver {
  readonly taken: Taken;
  /** Its number in the run. */
  readonly machine: number;
  /** Text of the scenario of the run. */
  readonly scenario: string;
}

interface Present {
  readonly text: string;
  readonly stepper: Stepper;
  /** While it pauses. */
  here:
    | {
        readonly at: PausedAt;
        readonly machine: MachineShown | undefined;
        /** Within a part. */
        readonly visit?: { readonly take: Visited['take']; readonly machine: number };
      }
    | undefined;
  hasEnded: boolean;
}

/** Of a place. The same place of another run has the same name. */
export const nameOf = ({ step, part }: Moment): string => `${step}.${part}`;

/** Within a part. */
const NOTHING_POSSIBLE: Possible = { additions: [], commands: false };

const LEFT = new Error('the run begins anew');
const START: Moment = { step: 0, part: 0 };

/** `hash`: as `MachinesDeps.hash`. `onPause` and `onEnd` are called when a pause begins and ends. */
export function createWalk(
  hash: (parts: readonly Uint8Array[]) => Promise<string>,
  onPause: (pause: Pause) => void,
  onEnd: () => void,
): Walk {
  let present: Present | undefined;
  let places = createPlaces(hash);
  /** What proofs have found, with the place behind which they did. */
  let found: readonly { readonly at: Moment; readonly what: string; readonly result: unknown }[] = [];
  let kept: { readonly before: string; readonly states: BootStates } | undefined;

  /** With the state before the first suspend, if the run need not pause before that. */
  const statesFor = (text: string, to: Moment): BootStates => {
    const split = splitAtSuspend(scenarioOf(text).steps);
    const before = JSON.stringify(split?.before);
    const states = split && kept?.before === before && to.step >= split.before.length ? kept.states : bootStates();
    kept = { before, states };
    return states;
  };

  return {
    begin(text, again, look, stand) {
      if (!again) {
        places = createPlaces(hash);
        found = [];
      }
      const to = again?.to ?? START;
      const stepper = createStepper(
        (at) => onPause({ at, text, possible: possibleAt(text, at), places: places.all() }),
        () => {
          begun.here = undefined;
          onEnd();
        },
        to,
        again?.inside !== undefined,
      );
      const begun: Present = { text, stepper, here: undefined, hasEnded: false };
      present = begun;
      let behind: PausedAt = { ...START, title: '' };
      let lastStanding: Standing | undefined;
      /** Also while the machine is off: that which resumes has the same system. */
      let lastSystem: Standing | undefined;
      let proofs = 0;
      const whileLooking = async (
        leave: (() => Promise<void>) | undefined,
        stay: () => Promise<void>,
      ): Promise<void> => {
        try {
          await stay();
        } catch (error) {
          // The run ends, and its machine: nobody waits for what is still read of that.
          leave?.().catch(() => undefined);
          throw error;
        } finally {
          begun.here = undefined;
        }
        await leave?.();
      };
      return {
        states: statesFor(text, to),
        async remember<T>(proof: string, make: () => Promise<T>): Promise<T> {
          const [at, what] = [behind, `${proof} ${(proofs += 1)}`];
          const known = found.find((one) => one.what === what && isSame(one.at, at));
          // What has the same name at the same place was made by the same proof.
          if (known) return known.result as T;
          const result = await make();
          found = [...found, { at, what, result }];
          return result;
        },
        async pause(at, machines, standing) {
          await places.reach(at, machines);
          [behind, lastStanding] = [at, standing];
          lastSystem = standing ?? lastSystem;
          proofs = 0;
          if (!stepper.pausesAt(at)) return;
          await stand(nameOf(at));
          begun.here = { at, machine: machines.at(-1) };
          const leave = standing && look(standing);
          await whileLooking(leave, () => stepper.pause(at));
        },
        async visit({ machine, virtualMs, markers, take }) {
          const at = behind;
          const inside = { machine: again?.inside?.machine ?? 0, virtualMs };
          begun.here = { at, machine: undefined, visit: { take, machine: inside.machine } };
          const leave = look({ machine, virtualMs, ...systemOf(markers, lastStanding, lastSystem) });
          const pause: Pause = { at, text, possible: NOTHING_POSSIBLE, places: places.all(), inside };
          await whileLooking(leave, () => stepper.stay(() => onPause(pause)));
        },
      };
    },
    goOn: (all) => present?.stepper.goOn(all),
    change(doing, typed, check) {
      if (!present?.here || present.here.visit) return undefined;
      const { text: before, stepper, here } = present;
      if (typed !== undefined && typed !== before)
        throw new InputError(
          'the text of the scenario has been changed, and the run that has paused is of the text before',
          {
            remedy: 'let the run come to its end and step through the new text, or put the text back',
          },
        );
      const { text, sameUntil, to, leftOut } = withDone(before, here.at, doing, here.machine);
      check(text);
      const splits = [before, text].map((one) => firstSuspend(scenarioOf(one).steps));
      // A machine that goes on from the state before the first suspend has been asked for its agent there.
      const compared = splits[0] === splits[1] ? Infinity : Math.min(...splits);
      places.forget(sameUntil, { step: compared, part: 0 });
      found = found.filter(({ at }) => isBefore(at, sameUntil));
      stepper.stop(LEFT);
      return { text, to, leftOut, isChanged: true };
    },
    goTo(to, inside) {
      if (!present || !(present.here || present.hasEnded)) return undefined;
      const { text, stepper } = present;
      stepper.stop(LEFT);
      return { text, to, ...(inside && { inside }), leftOut: [], isChanged: false };
    },
    takeOver() {
      const visit = present?.here?.visit;
      if (!present || !visit) return undefined;
      const taken = visit.take();
      present.hasEnded = true;
      present.stepper.stop(LEFT);
      return { taken, machine: visit.machine, scenario: present.text };
    },
    places: () => places.all(),
    end() {
      if (present) present.hasEnded = true;
    },
    isLeft: (error) => error === LEFT,
  };
}

/**
 * Whose memory a machine has in the middle of what it is asked.
 * @param markers all that it has sent. `before`: it stood there before; undefined when it was off. `last`: the system that ran last.
 */
export function systemOf(
  markers: readonly MarkerSeen[],
  before: Standing | undefined,
  last: Standing | undefined,
): Pick<Standing, 'layout' | 'copied' | 'isLive'> {
  const own = markers.findLast(({ kind }) => kind === MARKER_LAYOUT);
  if (before) return { layout: before.layout ?? own, copied: before.copied, isLive: before.isLive };
  const isRestored = markers.some(({ kind }) => kind === RESTORED);
  if (isRestored && last?.layout)
    return { layout: last.layout, copied: last.copied && { ...last.copied, isLive: false }, isLive: false };
  return { layout: own, copied: undefined, isLive: false };
}

const RESTORED = stepEnd('restore');

/** The number of steps before the first suspend, from which on a run goes on from a state. */
const firstSuspend = (steps: readonly Step[]): number => splitAtSuspend(steps)?.before.length ?? Infinity;
