// SPDX-License-Identifier: MIT
/** The instants of the machine at the prompt, and how to go there. */
import type { VNode } from 'preact';
import type { ToSession } from '../session/protocol.js';
import { megabytes, type SessionState } from '../session/state.js';
import { Button } from './button.js';
import { Same, SessionLinks } from './session-links.js';
import { Slider } from './slider.js';
import { durationText } from './timeline-model.js';
import type { Entered } from './entered.js';

export interface RecallProps {
  readonly state: SessionState;
  readonly send: (message: ToSession) => void;
  /** What the slider and the list of lines say, if that is another instant than the present one. */
  readonly instant: InstantChosen | undefined;
  readonly onInstant: (instant: InstantChosen) => void;
  /** See `ChoiceProps`. */
  readonly opened?: string | undefined;
}

export interface InstantChosen {
  readonly line: number;
  readonly virtualMs: number;
}

/** The keys of the button behind the slider, also behind that of a run, and of the one that has the machine stand still. */
export const INSTANT_KEY = 'i';
export const STAND_KEY = 'k';

/** What a key asks for now; undefined where it asks for nothing. */
export function recallOfKey(
  key: string,
  state: SessionState,
  instant: InstantChosen | undefined,
): ToSession | undefined {
  if (key === STAND_KEY && canStand(state)) return { do: 'stand', on: state.recall?.isStanding !== true };
  return key === INSTANT_KEY && canGo(state) && instant ? { do: 'goToInstant', ...instant } : undefined;
}

const canStand = ({ phase, recall, isGoing }: SessionState): boolean =>
  phase === 'prompt' && recall !== undefined && !isGoing;
const canGo = ({ phase, recall, isGoing }: SessionState): boolean =>
  (phase === 'prompt' || phase === 'ended') && recall !== undefined && !isGoing;

export function RecallView({ state, send, instant, onInstant, opened }: RecallProps): VNode | null {
  const { recall, wentMs, stands, instantSession, instantExpected } = state;
  if (!recall) return null;
  const { lines, checkpoints, isStanding, hasMore } = recall;
  const present: InstantChosen = { line: recall.line, virtualMs: recall.at.virtualMs };
  const chosen = instant ?? present;
  const line = lines.find(({ number }) => number === chosen.line);
  const { count, bytes, bytesMax } = checkpoints;
  return (
    <section id="recall" aria-label="instants of the machine">
      <div class="actions">
        <Slider
          id="instant"
          label="Instant"
          min={Math.floor(line?.beginMs ?? 0)}
          max={Math.ceil(line?.endMs ?? 0)}
          step={1}
          value={Math.round(chosen.virtualMs)}
          text={durationText(chosen.virtualMs)}
          onMove={(virtualMs) => onInstant({ ...chosen, virtualMs })}
        />
        {lines.length > 1 && (
          <select
            id="line"
            aria-label="line of the machine"
            value={String(chosen.line)}
            onChange={(event) => {
              const number = Number((event as Entered).currentTarget.value);
              const other = lines.find((one) => one.number === number);
              if (other) onInstant({ line: number, virtualMs: other.endMs });
            }}
          >
            {lines.map(({ number, endMs, from }) => (
              <option key={number} value={String(number)}>
                {`line ${number}, ${from ? `from line ${from.line} at ${durationText(from.atMs)}, ` : ''}to ${durationText(endMs)}`}
              </option>
            ))}
          </select>
        )}
        <Button
          id="go-instant"
          keyboard={INSTANT_KEY}
          isPossible={canGo(state) && instant !== undefined}
          onDo={() => send({ do: 'goToInstant', ...chosen })}
        >
          Go to {durationText(chosen.virtualMs)}
        </Button>
        <Button
          id="stand"
          keyboard={STAND_KEY}
          isPossible={canStand(state)}
          onDo={() => send({ do: 'stand', on: !isStanding })}
        >
          {!isStanding ? 'Stand still' : hasMore ? 'Go on as it was' : 'Go on'}
        </Button>
      </div>
      <p id="recalled" class="dim">
        {count} {count === 1 ? 'checkpoint needs' : 'checkpoints need'} {megabytes(bytes)} of at most{' '}
        {megabytes(bytesMax)} MB.
        {wentMs !== undefined && ` The way to the last instant took ${durationText(wentMs)}.`}
        {stands && hasMore && ' What is typed here begins a new line.'}
      </p>
      {stands && instantSession && (
        <SessionLinks
          id="instant"
          of="this instant"
          does="opens the page, types what was typed up to here, and has the machine stand"
          {...{ session: instantSession, opened }}
        />
      )}
      {stands && <Same id="same-instant" expected={instantExpected} stateHash={stands.stateHash} />}
    </section>
  );
}
