// SPDX-License-Identifier: MIT
/** Any instant of a run, also one between two places, and how to go there. */
import type { VNode } from 'preact';
import { farther, insideMs } from '../session/elapsed.js';
import type { ToSession } from '../session/protocol.js';
import type { SessionState } from '../session/state.js';
import { Button } from './button.js';
import { canGo } from './pause-view.js';
import { INSTANT_KEY } from './recall-view.js';
import { Slider } from './slider.js';
import { durationText } from './timeline-model.js';

export interface RunInstantProps {
  readonly state: SessionState;
  readonly send: (message: ToSession) => void;
  /** What the slider says, if that is another instant than the present one: virtual time since the first power-on, in ms. */
  readonly runInstant: number | undefined;
  readonly onRunInstant: (atMs: number) => void;
}

/** The key of the button that takes the machine over that stands there. */
export const TAKE_OVER_KEY = 'z';

export type Ran = Pick<SessionState, 'places' | 'machines' | 'known'>;

/**
 * What has to be asked for to go to an instant of a run; undefined where the run has not been, and behind the last of its places.
 * `atMs`: as in {@link RunInstantProps}.
 */
export function wayTo(atMs: number, { places, machines, known }: Ran): Extract<ToSession, { do: 'goTo' }> | undefined {
  const index = places.findLastIndex((place) => place.atMs <= atMs);
  const [place, next] = [places[index], places[index + 1]];
  if (!place) return undefined;
  const { step, part } = place;
  const moment = { step, part };
  if (!next && place.atMs !== atMs) return undefined;
  const machine = farther(known, machines).findLast(({ startVirtualMs }) => startVirtualMs <= atMs);
  if (!machine || place.atMs === atMs) return { do: 'goTo', moment };
  return {
    do: 'goTo',
    moment,
    inside: { machine: machine.number, virtualMs: atMs - machine.startVirtualMs },
  };
}

/** What a key asks for now; undefined where it asks for nothing. `chosen`: as `RunInstantProps.runInstant`. */
export function runInstantOfKey(key: string, state: SessionState, chosen: number | undefined): ToSession | undefined {
  if (key === TAKE_OVER_KEY && state.paused?.inside) return { do: 'takeOver' };
  return key === INSTANT_KEY && canGo(state) && chosen !== undefined ? wayTo(chosen, state) : undefined;
}

export function RunInstant({ state, send, runInstant, onRunInstant }: RunInstantProps): VNode | null {
  const { places } = state;
  const [begin, end] = [places[1]?.atMs ?? 0, places.at(-1)?.atMs ?? 0];
  // The machine stands at its prompt before its first place is over.
  if (end <= begin) return null;
  const shownMs = runInstant ?? presentMs(state);
  return (
    <div class="actions" id="run-instants">
      <Slider
        id="run-instant"
        label="Instant of the run"
        min={Math.ceil(begin)}
        max={Math.floor(end)}
        step={1}
        value={Math.round(shownMs)}
        text={durationText(shownMs)}
        onMove={onRunInstant}
      />
      <Button
        id="go-run-instant"
        keyboard={INSTANT_KEY}
        isPossible={canGo(state) && runInstant !== undefined}
        onDo={() => {
          const way = wayTo(shownMs, state);
          if (way) send(way);
        }}
      >
        Go to {durationText(shownMs)}
      </Button>
      {state.paused?.inside && (
        <Button id="take-over" keyboard={TAKE_OVER_KEY} onDo={() => send({ do: 'takeOver' })}>
          Take over this machine
        </Button>
      )}
    </div>
  );
}

/** Where the run stands or is going to stand. */
export const presentMs = (state: SessionState): number =>
  insideMs(state) ??
  state.places.find(({ step, part }) => step === state.place?.step && part === state.place.part)?.atMs ??
  0;
