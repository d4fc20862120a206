// SPDX-License-Identifier: MIT
/** All of the page but its console: what the session does, what can be asked of it, and what came of it. */
import type { VNode } from 'preact';
import type { ToSession } from '../session/protocol.js';
import { SILENT_MS } from '../session/silence.js';
import { megabytes, type SessionState } from '../session/state.js';
import { Button } from './button.js';
import { Choice } from './choice.js';
import { Editor, nameIn } from './editor.js';
import { DiskMap } from './disk-map.js';
import type { Place } from './disk-map-model.js';
import { MemoryMap } from './memory-map.js';
import type { Painter } from './painter.js';
import { canGo, PauseView } from './pause-view.js';
import { RecallView, type InstantChosen } from './recall-view.js';
import { RunInstant, wayTo } from './run-instant.js';
import { ScreenButton } from './screen.js';
import { Proofs } from './proofs.js';
import { marksOf, tracksOf } from './timeline-marks.js';
import { Timeline } from './timeline.js';
import { Tour } from './tour.js';

export interface SessionProps {
  readonly state: SessionState;
  readonly onAct: (action: RunAction) => void;
  readonly send: (message: ToSession) => void;
  /** The text of the scenario, if it has been changed. */
  readonly edited: string | undefined;
  readonly onEdit: (text: string) => void;
  /** What is asked of the disk map. */
  readonly place: Place | undefined;
  readonly onPlace: (place: Place) => void;
  /** See `PauseProps`. */
  readonly chosen: number | undefined;
  readonly onChoose: (index: number) => void;
  /** See `RecallProps`. */
  readonly instant: InstantChosen | undefined;
  readonly onInstant: (instant: InstantChosen) => void;
  /** See `RunInstantProps`. */
  readonly runInstant: number | undefined;
  readonly onRunInstant: (atMs: number) => void;
  /** Of the maps. */
  readonly painter: Painter;
  /** See `MemoryMapProps`. */
  readonly isByFate: boolean;
  readonly onByFate: (on: boolean) => void;
  /** See `ChoiceProps`. */
  readonly opened: string | undefined;
  readonly picked: string | undefined;
  readonly onPick: (name: string) => void;
  readonly onOpen: (name: string) => void;
  /** Whether the tour is shown. */
  readonly showsTour: boolean;
  readonly onSkip: () => void;
}

/** `next`: one part of a run that has paused. `rest`: all of it. `leave`: back to the prompt. */
export type RunAction = 'run' | 'step' | 'next' | 'rest' | 'leave';

/** Keys of the actions, pressed outside of the console. */
const KEYS: Readonly<Record<RunAction, string>> = { run: 'r', step: 's', next: 'n', rest: 'e', leave: '0' };

/** The key of the button that has the memory watched. */
export const WATCH_KEY = 'w';

/** What that key asks for now; undefined where it asks for nothing. */
export const watchOfKey = (key: string, state: SessionState): ToSession | undefined =>
  key === WATCH_KEY && hasMachine(state) ? { do: 'watchMemory', on: !state.isWatched } : undefined;

/** Whether a machine stands or runs that can be looked into. */
const hasMachine = ({ phase, paused }: SessionState): boolean => phase === 'prompt' || paused !== undefined;

/** What a key asks for now; undefined where it asks for nothing. */
export function actionOfKey(key: string, state: SessionState): RunAction | undefined {
  return (Object.keys(KEYS) as RunAction[]).find((action) => KEYS[action] === key && isPossible(action, state));
}

function isPossible(action: RunAction, { scenario, phase, paused, places, report, isKept }: SessionState): boolean {
  if (action === 'leave') return phase === 'running' || report !== undefined || places.length > 0 || isKept;
  return action === 'next' || action === 'rest' ? paused !== undefined : scenario !== undefined && phase !== 'running';
}

const TONES: Readonly<Record<SessionState['phase'], string>> = {
  starting: '',
  prompt: 'ready',
  running: '',
  ended: 'ready',
  failed: 'failed',
};

const SILENT = `the session has told nothing for ${SILENT_MS / 1000} s; what to do: wait, because it may be working, or reload the page`;

export function SessionView(props: SessionProps): VNode {
  const { state, onAct, send, edited, onEdit, place, onPlace, showsTour, onSkip } = props;
  const { phase, said, loading, scenario, paused, places, steps, done, machines, report } = state;
  const tracks = tracksOf(state);
  // They stay while the run goes on, so that who has the focus there can go on with it.
  const isStepwise = phase === 'running' && places.length > 0;
  const tone = report?.verdict === 'fail' ? 'failed' : TONES[phase];
  const fraction = loading ? loading.loadedBytes / loading.allBytes : done;
  return (
    <div>
      <Choice {...props} scenarios={state.scenarios} />
      {showsTour && <Tour state={state} onSkip={onSkip} />}
      <p id="status" role="status" class={tone}>
        {state.isSilent ? SILENT : said}
      </p>
      <progress
        id="loading"
        max={1}
        value={fraction}
        aria-label={loading ? 'loading' : 'done of the scenario'}
        hidden={!loading && phase !== 'running'}
      />
      <div class="actions" role="group" aria-label="run of the scenario">
        <Action
          action="run"
          text={`Run${scenario === undefined ? ' the scenario' : `: ${nameIn(edited ?? scenario)}`}`}
          {...{ state, onAct }}
        />
        <Action action="step" text="Step through" {...{ state, onAct }} />
        {isStepwise && (
          <Action
            action="next"
            text={paused && !paused.inside ? `Next: ${paused.at.title}` : 'Next'}
            {...{ state, onAct }}
          />
        )}
        {isStepwise && <Action action="rest" text="Run the rest" {...{ state, onAct }} />}
        {isPossible('leave', state) && <Action action="leave" text="Back to the prompt" {...{ state, onAct }} />}
      </div>
      <PauseView {...props} />
      <RunInstant {...props} />
      <RecallView {...props} />
      {scenario !== undefined && <Editor text={edited ?? scenario} refused={state.refused} onEdit={onEdit} />}
      {steps.length > 0 && (
        <details id="steps">
          <summary>
            {steps.length} {steps.length === 1 ? 'step' : 'steps'}
          </summary>
          <ol>
            {steps.map((step, index) => (
              <li key={index}>{step}</li>
            ))}
          </ol>
        </details>
      )}
      <div class="actions">
        <Button
          id="watch"
          keyboard={WATCH_KEY}
          isPressed={state.isWatched}
          isPossible={hasMachine(state)}
          onDo={() => send({ do: 'watchMemory', on: !state.isWatched })}
        >
          Watch the memory
        </Button>
        <ScreenButton state={state} send={send} />
      </div>
      <MemoryMap
        painter={props.painter}
        memory={state.memory}
        page={state.page}
        isByFate={props.isByFate}
        onByFate={props.onByFate}
        onPage={hasMachine(state) ? (frame) => send({ do: 'askPage', frame }) : undefined}
      />
      <Timeline
        tracks={tracks}
        marks={marksOf(tracks, state)}
        onGo={canGo(state) ? (moment) => send({ do: 'goTo', moment }) : undefined}
        wayTo={
          canGo(state)
            ? (atMs) => {
                const way = wayTo(atMs, state);
                return way && (() => send(way));
              }
            : undefined
        }
      />
      <DiskMap
        painter={props.painter}
        disks={state.disks}
        machines={machines}
        running={state.running}
        differences={state.differences}
        image={state.image}
        redirected={state.redirected}
        sector={state.sector}
        place={place}
        onPlace={(asked) => {
          onPlace(asked);
          send({ do: 'askSector', ...asked });
        }}
      />
      <Proofs {...state} opened={props.opened} />
    </div>
  );
}

interface ActionProps extends Pick<SessionProps, 'state' | 'onAct'> {
  readonly action: RunAction;
  readonly text: string;
}

function Action({ action, text, state, onAct }: ActionProps): VNode {
  return (
    <Button id={action} keyboard={KEYS[action]} isPossible={isPossible(action, state)} onDo={() => onAct(action)}>
      {text}
    </Button>
  );
}

export interface StorageProps {
  readonly stored: SessionState['stored'];
  readonly onEmpty: () => void;
}

/** What the browser keeps, and a way to remove it. */
export function Storage({ stored, onEmpty }: StorageProps): VNode | null {
  if (!stored) return null;
  const { bytes, bytesMax, isFull } = stored;
  if (bytesMax === 0)
    return <p id="storage">This browser keeps nothing of the disks: they are loaded again at each visit.</p>;
  return (
    <p id="storage">
      {megabytes(bytes)} of at most {megabytes(bytesMax)} MB of the disks are kept in this browser.{' '}
      {isFull && 'It has no room for more: the rest is loaded again at the next visit. '}
      <Button id="empty" isPossible={bytes > 0} onDo={onEmpty}>
        Remove them
      </Button>
    </p>
  );
}
