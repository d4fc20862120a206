// SPDX-License-Identifier: MIT
/** What can be done where a run has paused, and the places that it can go to. */
import type { Children, VNode } from 'preact';
import type { Addition } from '../session/additions.js';
import type { ToSession } from '../session/protocol.js';
import type { SessionState } from '../session/state.js';
import { Button } from './button.js';
import { Slider } from './slider.js';

export interface PauseProps {
  readonly state: SessionState;
  readonly send: (message: ToSession) => void;
  /** Index of the place that is chosen, if another than the present one is. */
  readonly chosen: number | undefined;
  readonly onChoose: (index: number) => void;
}

/** What a visitor may want the machine to do. */
const WORKLOADS = [
  'find /etc /usr/share -type f -exec md5sum {} + > /run/sums',
  'md5sum -c --quiet /run/sums',
  'head -c 8M /dev/urandom > /root/junk && sync',
  'head -c 32M /dev/zero > /run/junk',
  'scribble /etc /usr/share /var',
  'ps -e > /dev/tty1',
] as const;

/** The key of the field for a command, and that of the button behind the slider. */
export const COMMAND_KEY = 'c';
export const GO_KEY = 'g';

/** What a key asks for now; undefined where it asks for nothing. `chosen`: as in {@link PauseProps}. */
export function requestOfKey(key: string, state: SessionState, chosen: number | undefined): ToSession | undefined {
  const addition = state.paused?.possible.additions.find((one) => one.key === key);
  if (addition) return { do: 'change', doing: { id: addition.id } };
  const moment = key === GO_KEY && canGo(state) && chosen !== undefined ? state.places[chosen] : undefined;
  return moment && { do: 'goTo', moment };
}

/** Whether the run can go to another place now: it has paused, it has ended, or a machine of it was taken over. */
export const canGo = ({ paused, report, phase, places, isGoing }: SessionState): boolean =>
  paused !== undefined || report !== undefined || (phase === 'prompt' && places.length > 0 && !isGoing);

interface Submitted {
  readonly currentTarget: { readonly elements: { readonly entered: { readonly value: string } } };
  preventDefault(): void;
}
export function PauseView(props: PauseProps): VNode | null {
  const { state, send } = props;
  const { paused, places, leftOut } = state;
  if (places.length === 0) return null;
  const { additions, commands, offTime } = paused?.possible ?? { additions: [], commands: false };
  const button = ({ id, title, key }: Addition): VNode => (
    <Button key={id} id={`do-${id}`} keyboard={key} onDo={() => send({ do: 'change', doing: { id } })}>
      {title}
    </Button>
  );
  const faults = additions.filter(({ isFault }) => isFault);
  return (
    <section id="pause" aria-label="what can be done here">
      {additions.length > faults.length && (
        <div class="actions" role="group" aria-label="next, instead">
          {additions.filter(({ isFault }) => !isFault).map(button)}
        </div>
      )}
      {commands && (
        <Entry onEnter={(command) => send({ do: 'change', doing: { command } })}>
          <label for="command">
            Command <kbd aria-hidden="true">{COMMAND_KEY}</kbd>
          </label>
          <input
            id="command"
            name="entered"
            list="workloads"
            aria-keyshortcuts={COMMAND_KEY}
            title={`key ${COMMAND_KEY}`}
          />
          <datalist id="workloads">
            {WORKLOADS.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
          <button id="run-command">Run it</button>
        </Entry>
      )}
      {offTime !== undefined && (
        <Entry onEnter={(entered) => send({ do: 'change', doing: { offTime: entered } })}>
          <label for="off-time">Off for</label>
          <input id="off-time" name="entered" key={offTime} value={offTime} size={8} />
          <button id="set-off-time">Change</button>
        </Entry>
      )}
      {faults.length > 0 && (
        <details id="faults">
          <summary>Faults</summary>
          <div class="actions" role="group" aria-label="faults">
            {faults.map(button)}
          </div>
        </details>
      )}
      {leftOut.length > 0 && (
        <p id="left-out" class="dim">
          No longer in the scenario, because it is not possible after that: {leftOut.join(', ')}
        </p>
      )}
      <PlaceSlider {...props} />
    </section>
  );
}

interface EntryProps {
  readonly children: Children;
  /** Takes what was entered, unless it is empty. */
  readonly onEnter: (entered: string) => void;
}

/** A field with the name `entered`, and a button. */
function Entry({ children, onEnter }: EntryProps): VNode {
  return (
    <form
      class="actions"
      onSubmit={(event) => {
        const { currentTarget } = event as Submitted;
        (event as Submitted).preventDefault();
        const entered = currentTarget.elements.entered.value.trim();
        if (entered !== '') onEnter(entered);
      }}
    >
      {children}
    </form>
  );
}

function PlaceSlider({ state, send, chosen, onChoose }: PauseProps): VNode {
  const { places, place } = state;
  const present = places.findIndex(({ step, part }) => step === place?.step && part === place.part);
  const shown = places[chosen ?? present];
  return (
    <div class="actions" id="places">
      <Slider
        id="moment"
        label="Place in the run"
        min={0}
        max={places.length - 1}
        value={chosen ?? present}
        text={shown?.title ?? ''}
        onMove={onChoose}
      />
      <Button
        id="go"
        keyboard={GO_KEY}
        isPossible={canGo(state) && chosen !== undefined && chosen !== present}
        onDo={() => shown && send({ do: 'goTo', moment: shown })}
      >
        Go to: {shown?.title}
      </Button>
    </div>
  );
}
