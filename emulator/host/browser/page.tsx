// SPDX-License-Identifier: MIT
/** The page: shows the state of a session, and sends its worker what the user types and asks for. */
import '@xterm/xterm/css/xterm.css';
import { signal } from '@preact/signals';
import { Terminal } from '@xterm/xterm/lib/xterm.mjs';
import { render, type VNode } from 'preact';
import { browserTimers } from '../../engines/v86/host-browser/timers.js';
import type { MachineShown } from '../../cycle/machines.js';
import type { Report } from '../../report/model.js';
import './page.css';
import { scenarioOfLink, scenarioPart, sessionTextOfLink } from '../../scenario/session-file.js';
import type { ImageShown } from './session/disk-reader.js';
import type { MemoryShown } from './session/memory-reader.js';
import type { PlaceShown } from './session/places.js';
import type {
  FromSession,
  Pause,
  PromptState,
  RecallNow,
  ScreenShown,
  StandsAt,
  ToSession,
} from './session/protocol.js';
import { createConsoles, timelineIn } from './consoles.js';
import { keepFocus, type FocusDocument } from './focus.js';
import { comeBack, toKeep } from './session/coming-back.js';
import { next, START, type Phase } from './session/state.js';
import { followWorker, type SessionWorker } from './session/worker-link.js';
import { forgetKept } from './storage/kept.js';
import { keepRun, keptRun } from './storage/kept-run.js';
import { keepSession, keptSession } from './storage/kept-session.js';
import { hasToured, noteTour } from './storage/toured.js';
import type { Place } from './views/disk-map-model.js';
import { pagePainter, paintInWorker, type Painter, type PaintWorker } from './views/painter.js';
import { COMMAND_KEY, requestOfKey } from './views/pause-view.js';
import { recallOfKey, type InstantChosen } from './views/recall-view.js';
import { runInstantOfKey } from './views/run-instant.js';
import { Screen, screenOfKey } from './views/screen.js';
import { actionOfKey, SessionView, Storage, watchOfKey, type RunAction } from './views/session-view.js';

/** What tests read from the page. */
export interface PageResults {
  readonly phase: Phase;
  /** The machine at its prompt. */
  readonly prompt: PromptState | undefined;
  /** The picture of its memory. */
  readonly memory: MemoryShown | undefined;
  /** How many pictures have been drawn, of all maps. */
  readonly drawn: number;
  /** What is on its screen. */
  readonly screen: ScreenShown | undefined;
  /** Where the machine at the prompt is, and where it stands still. */
  readonly recall: RecallNow | undefined;
  readonly stands: StandsAt | undefined;
  /** Real time that the last way to an instant took, in ms. */
  readonly wentMs: number | undefined;
  /** Where a run has paused. */
  readonly paused: Pause | undefined;
  /** All that a run has paused at, or could have. */
  readonly places: readonly PlaceShown[];
  /** What the machine of a run has written since it was told last. */
  readonly running: MachineShown | undefined;
  /** Where the last image lies. */
  readonly image: ImageShown | undefined;
  /** Of the last run. */
  readonly report: Report | undefined;
}

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface KeyPressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
  /** What is typed into takes all keys, the console too. A slider takes only those that move it. */
  readonly target: { readonly id: string; closest(selector: string): unknown };
  preventDefault(): void;
}
declare const document: FocusDocument & {
  readonly baseURI: string;
  addEventListener(type: 'keydown', listener: (event: KeyPressed) => void): void;
};
declare const MutationObserver: new (onChange: () => void) => {
  observe(element: unknown, what: { readonly childList: true; readonly subtree: true }): void;
};
declare const location: { hash: string; reload(): void };
declare function addEventListener(type: 'hashchange', listener: () => void): void;
declare const Worker: new (url: string, options: { readonly type: 'module' }) => SessionWorker & PaintWorker;
interface CanvasScope {
  readonly HTMLCanvasElement?: { readonly prototype: object };
}

const state = signal(START);
/** The text of the scenario, once it has been changed. */
const edited = signal<string | undefined>(undefined);
/** The place on the slider, once it has been moved. */
const chosen = signal<number | undefined>(undefined);
/** The instant on the slider, once it has been moved. */
const instant = signal<InstantChosen | undefined>(undefined);
/** The instant of a run on its slider, once that has been moved. */
const runInstant = signal<number | undefined>(undefined);
let drawn = 0;
const countDrawn = (): void => void (drawn += 1);
Object.defineProperty(globalThis, 'snapback', { get: (): PageResults => ({ ...state.value, drawn }) });

const TERMINAL = { cols: 120, rows: 36, fontFamily: 'monospace' };
const terminal = new Terminal({ ...TERMINAL, fontSize: 13 });
terminal.open(document.getElementById('console'));
// The guest's programs want the key Tab, so nobody gets into the terminal by it who could not get out.
if (terminal.textarea) terminal.textarea.tabIndex = -1;
terminal.attachCustomKeyEventHandler(({ key, shiftKey }) => !(key === 'Tab' && shiftKey));
/** The key that goes to the console, where there is a machine to type to. */
const CONSOLE_KEY = 'y';

const observer = new MutationObserver(keepFocus(document, ['next', 'verdict', 'run']));
for (const id of ['session', 'screen-pane'])
  observer.observe(document.getElementById(id), { childList: true, subtree: true });

/** Kept of the console of the timeline before. */
const CONSOLE_BYTES_MAX = 256 << 10;
const consoles = createConsoles(CONSOLE_BYTES_MAX);
const paneBefore = document.getElementById('console-before') as { hidden: boolean };
let terminalBefore: Terminal | undefined;
/** Not before it is to be seen: a terminal has no size in an element that is hidden. */
const makeTerminalBefore = (): Terminal => {
  const made = new Terminal({ ...TERMINAL, fontSize: 9, disableStdin: true });
  made.open(paneBefore);
  if (made.textarea) made.textarea.tabIndex = -1;
  return made;
};

/** Shows what a machine prints, and beside it what the timeline before has printed. */
function showConsole({ bytes, machine: number }: Extract<FromSession, { readonly tell: 'console' }>): void {
  const isOther = consoles.turn(timelineIn(number, state.value.machines.at(-1)));
  const before = consoles.before();
  if (isOther && before) {
    paneBefore.hidden = false;
    terminalBefore ??= makeTerminalBefore();
    terminalBefore.reset();
    terminalBefore.write(before);
    terminal.reset();
  }
  consoles.add(bytes);
  terminal.write(bytes);
}

/** The text of the session with which the page is opened, and the name of the scenario that was chosen. */
const linked = sessionTextOfLink(location.hash);
const opened = scenarioOfLink(location.hash);
/** Whether the address is that of another page, which is about to be loaded. */
const isLeaving = (): boolean =>
  sessionTextOfLink(location.hash) !== linked || scenarioOfLink(location.hash) !== opened;

/** What this tab has paused in before it was loaded again, or its machine. */
const kept = keptRun(location.hash);
const keptMachine = keptSession(location.hash);
const following = comeBack(kept, keptMachine !== undefined);
const session = new Worker('session-worker.js', { type: 'module' });
const show = (message: FromSession): void => {
  if (message.tell === 'console') showConsole(message);
  if (message.tell === 'running') {
    consoles.clear();
    terminal.reset();
    paneBefore.hidden = true;
  }
  if (message.tell === 'arrived') {
    terminal.reset();
    terminal.write(message.console);
    instant.value = undefined;
  }
  state.value = next(state.value, message);
  if (message.tell === 'prompt' && !kept && document.activeElement === document.body) terminal.focus();
  if (message.tell === 'running' || message.tell === 'paused') {
    chosen.value = undefined;
    runInstant.value = undefined;
  }
  if (message.tell === 'running' && message.again?.isChanged) edited.value = message.again.text;
  const { send: way, keep } = following(message);
  if (way) send(way);
  if (keep === 'nothing') forgetKept();
  else if (!isLeaving()) {
    if (message.tell === 'paused' && keep) keepRun(toKeep(location.hash, message));
    if (message.tell === 'keep' && message.kept && keep) keepSession(location.hash, message.kept);
  }
};
const unfollow = followWorker(session, show, browserTimers, () => performance.now());
// A link that is opened in the same tab, and a choice, only change this part of the address.
addEventListener('hashchange', () => {
  if (isLeaving()) location.reload();
});
session.postMessage({
  do: 'open',
  page: document.baseURI,
  scenario: opened,
  session: linked,
  kept: keptMachine,
});
terminal.onData((text: string) => session.postMessage({ do: 'type', bytes: new TextEncoder().encode(text) }));

const messageOf = (action: Exclude<RunAction, 'leave'>): ToSession => {
  if (action === 'next' || action === 'rest') return { do: 'goOn', all: action === 'rest' };
  return { do: 'run', stepwise: action === 'step', text: edited.value ?? state.value.scenario ?? '' };
};
function act(action: RunAction): void {
  if (action === 'leave') {
    // What it tells until the page has gone is not kept.
    unfollow();
    forgetKept();
    return location.reload();
  }
  session.postMessage(messageOf(action));
}
const send = (message: ToSession): void =>
  session.postMessage(message.do === 'change' ? { ...message, typed: edited.value } : message);
document.addEventListener('keydown', (event) => {
  const { key, ctrlKey, altKey, metaKey, target } = event;
  if (ctrlKey || altKey || metaKey || target.closest('input:not([type=range]), textarea, select')) return;
  const action = actionOfKey(key, state.value);
  if (action) act(action);
  const request =
    requestOfKey(key, state.value, chosen.value) ??
    recallOfKey(key, state.value, instant.value) ??
    runInstantOfKey(key, state.value, runInstant.value) ??
    watchOfKey(key, state.value) ??
    screenOfKey(key, state.value);
  if (request) send(request);
  const types = key === CONSOLE_KEY || (key === 'Enter' && target.id === 'console');
  if (types && state.value.phase === 'prompt') {
    // The key is not typed there.
    event.preventDefault();
    terminal.focus();
  }
  const field = key === COMMAND_KEY ? document.getElementById('command') : null;
  if (!field) return;
  // The key is not typed into the field.
  event.preventDefault();
  (field as { focus(): void }).focus();
});

const place = signal<Place | undefined>(undefined);

/** Who draws the maps. */
const painter = signal<Painter>(pagePainter(countDrawn));
paintInWorker(
  (globalThis as CanvasScope).HTMLCanvasElement,
  () => new Worker('paint-worker.js', { type: 'module' }),
  (one) => {
    painter.value = one;
  },
  countDrawn,
);

/** What the memory map shows. */
const isByFate = signal(false);

/** The scenario in the list, once another one than that of the page has been picked. */
const picked = signal<string | undefined>(undefined);

const showsTour = signal(!hasToured());
const skip = (): void => {
  showsTour.value = false;
  noteTour();
};

const Above = (): VNode => (
  <SessionView
    state={state.value}
    onAct={act}
    send={send}
    edited={edited.value}
    onEdit={(text) => {
      edited.value = text;
    }}
    place={place.value}
    onPlace={(asked) => {
      place.value = asked;
    }}
    chosen={chosen.value}
    onChoose={(index) => {
      chosen.value = index;
    }}
    instant={instant.value}
    onInstant={(asked) => {
      instant.value = asked;
    }}
    runInstant={runInstant.value}
    onRunInstant={(atMs) => {
      runInstant.value = atMs;
    }}
    painter={painter.value}
    isByFate={isByFate.value}
    onByFate={(on) => {
      isByFate.value = on;
    }}
    opened={opened}
    picked={picked.value}
    onPick={(name) => {
      picked.value = name;
    }}
    onOpen={(name) => {
      location.hash = name === '' ? '' : scenarioPart(name);
    }}
    showsTour={showsTour.value}
    onSkip={skip}
  />
);
const Below = (): VNode => (
  <Storage stored={state.value.stored} onEmpty={() => session.postMessage({ do: 'emptyStore' })} />
);
const Beside = (): VNode | null => <Screen state={state.value} />;
render(<Above />, document.getElementById('session'));
render(<Beside />, document.getElementById('screen-pane'));
render(<Below />, document.getElementById('kept'));
