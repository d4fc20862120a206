// SPDX-License-Identifier: MIT
/** The machine's own screen, beside its console: what programs write to /dev/tty1. */
import type { VNode } from 'preact';
import type { ToSession } from '../session/protocol.js';
import type { ScreenShown } from '../session/protocol.js';
import type { SessionState } from '../session/state.js';
import { Button } from './button.js';
import { durationText } from './timeline-model.js';

/** The key of the button that shows the screen. */
export const SCREEN_KEY = 'a';

/** What that key asks for now; undefined where it asks for nothing. */
export const screenOfKey = (key: string, state: SessionState): ToSession | undefined =>
  key === SCREEN_KEY && canSwitch(state) ? switched(state) : undefined;

const switched = ({ isScreenWatched }: SessionState): ToSession => ({ do: 'watchScreen', on: !isScreenWatched });

/** It can be closed at any time, and opened where there is a machine to look at. */
const canSwitch = ({ phase, paused, isScreenWatched }: SessionState): boolean =>
  phase === 'prompt' || paused !== undefined || isScreenWatched;

export interface ScreenProps {
  readonly state: SessionState;
  readonly send: (message: ToSession) => void;
}

/** It stays when the screen goes, so that who has the focus there keeps it. */
export const ScreenButton = ({ state, send }: ScreenProps): VNode => (
  <Button
    id="show-screen"
    keyboard={SCREEN_KEY}
    isPressed={state.isScreenWatched}
    isPossible={canSwitch(state)}
    onDo={() => send(switched(state))}
  >
    Show the screen
  </Button>
);

export function Screen({ state: { screen, isScreenWatched } }: Pick<ScreenProps, 'state'>): VNode | null {
  if (!isScreenWatched) return null;
  const missing = whyNothing(screen);
  return (
    <section id="screen-shown" aria-label="screen of the machine">
      <h2>Screen {screen && <span class="dim">at {durationText(screen.virtualMs)}</span>}</h2>
      {/* One element for both: it keeps the focus when the guest clears the screen. */}
      <pre
        id="screen"
        class={missing === undefined ? '' : 'dim'}
        role="region"
        tabIndex={0}
        aria-label="text on the screen"
      >
        {missing ?? screen?.rows?.join('\n')}
      </pre>
    </section>
  );
}

/** Undefined where there is text. */
function whyNothing(screen: ScreenShown | undefined): string | undefined {
  if (!screen) return 'It has not been read yet. In a run, it is read at each pause.';
  if (!screen.rows) return 'It shows graphics, and no text.';
  return screen.rows.every((row) => row === '') ? 'It is empty. What is written to /dev/tty1 comes here.' : undefined;
}
