// SPDX-License-Identifier: MIT
/** The machine's screen on the page: when it is read, and how it is shown. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import type { FromSession, Pause } from '../../../emulator/host/browser/session/protocol.js';
import type { ScreenShown } from '../../../emulator/host/browser/session/protocol.js';
import { createScreenWatch } from '../../../emulator/host/browser/session/screen-watch.js';
import { next, START, type SessionState } from '../../../emulator/host/browser/session/state.js';
import { Screen, ScreenButton, screenOfKey } from '../../../emulator/host/browser/views/screen.js';

const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ROWS = ['# ps', '', '  1 <init>'];
const SCREEN: ScreenShown = { rows: ROWS, virtualMs: 3000 };
const atPrompt: SessionState = { ...START, phase: 'prompt' };
const after = (...messages: readonly FromSession[]): SessionState => messages.reduce(next, atPrompt);

t.test('the screen of a machine that runs is read now and then, while it is wanted', async (t) => {
  const told: FromSession[] = [];
  let [now, reads] = [1000, 0];
  const watch = createScreenWatch(
    (message) => told.push(message),
    () => now,
  );
  const stands = watch.of({
    readScreen: () => {
      reads += 1;
      return Promise.resolve(ROWS);
    },
  });
  await stands(1);
  t.equal(reads, 0, 'nobody has asked');
  watch.watch(true);
  t.same(told.splice(0), [{ tell: 'watchingScreen', on: true }]);
  // The machine stands each 20 ms for a second.
  for (const end = now + 1000; now < end; now += 20) await stands(now);
  t.equal(reads, 10);
  t.equal(told.length, 10);
  t.same(told[0], { tell: 'screen', screen: { rows: ROWS, virtualMs: 1000 } });
  watch.watch(false);
  now += 1000;
  await stands(now);
  t.equal(reads, 10);
  t.same(told.at(-1), { tell: 'watchingScreen', on: false });
  watch.watch(true);
  await watch.of({})(7);
  t.same(told.at(-1), { tell: 'screen', screen: { rows: undefined, virtualMs: 7 } }, 'a machine without a screen');
});

t.test('the screen of a machine that stands', async (t) => {
  const told: FromSession[] = [];
  const watch = createScreenWatch(
    (message) => told.push(message),
    () => 1000,
  );
  const machine = {
    readScreen: async () => {
      await rest();
      return ROWS;
    },
  };
  const leave = watch.standing(machine, 7);
  await rest();
  t.same(told, [], 'nobody has asked');
  watch.watch(true);
  await leave();
  const shown = { tell: 'screen', screen: { rows: ROWS, virtualMs: 7 } };
  t.same(told.splice(0), [{ tell: 'watchingScreen', on: true }, shown], 'told at once, before it goes on');
  watch.watch(true);
  await rest();
  await rest();
  t.same(told.splice(0), [{ tell: 'watchingScreen', on: true }], 'a machine that runs is not asked');
  await watch.standing(machine, 8)();
  t.same(told, [{ ...shown, screen: { rows: ROWS, virtualMs: 8 } }], 'the next one is');
});

t.test('the state has the screen of the machine now shown', async (t) => {
  const shown = after({ tell: 'watchingScreen', on: true }, { tell: 'screen', screen: SCREEN });
  t.match(shown, { isScreenWatched: true, screen: SCREEN });
  const runs = next(shown, { tell: 'running', again: undefined });
  t.match(runs, { isScreenWatched: true, screen: undefined }, 'the machine at the prompt has ended');
  t.match(next(shown, { tell: 'watchingScreen', on: false }), { isScreenWatched: false, screen: undefined });
});

t.test('the view of the screen', async (t) => {
  const view = (state: SessionState): string => renderToString(<Screen state={state} />);
  const of = (rows: ScreenShown['rows']): string =>
    view({ ...atPrompt, isScreenWatched: true, screen: { rows, virtualMs: 3000 } });
  t.equal(view(atPrompt), '', 'it is closed');
  t.equal(view({ ...atPrompt, screen: SCREEN }), '', 'also when a reading comes late');
  t.match(of(ROWS), /<h2>Screen <span class="dim">at 3\.00 s<\/span><\/h2>/);
  t.match(
    of(ROWS),
    /<pre id="screen"[^>]* role="region" tabindex="0" aria-label="text on the screen">\s*# ps\n\n {2}1 &lt;init>/,
  );
  t.match(of(['', '']), /<pre id="screen" class="dim"[^>]*>It is empty\./);
  t.match(of(undefined), /<pre id="screen" class="dim"[^>]*>It shows graphics/);
  t.match(view({ ...atPrompt, isScreenWatched: true }), /<pre id="screen" class="dim"[^>]*>It has not been read yet\./);
});

t.test('its button and its key', async (t) => {
  const button = (state: SessionState): string => renderToString(<ScreenButton state={state} send={() => undefined} />);
  const open: SessionState = { ...atPrompt, isScreenWatched: true };
  const key = 'aria-keyshortcuts="a" title="key a"';
  t.equal(
    button(atPrompt),
    `<button id="show-screen" type="button" aria-pressed="false" ${key}>Show the screen</button>`,
  );
  t.equal(button(open), `<button id="show-screen" type="button" aria-pressed="true" ${key}>Show the screen</button>`);
  t.match(button(START), /aria-disabled="true"/, 'there is no machine');
  t.same(screenOfKey('a', atPrompt), { do: 'watchScreen', on: true });
  t.same(screenOfKey('a', open), { do: 'watchScreen', on: false });
  t.equal(screenOfKey('b', atPrompt), undefined);
  t.equal(screenOfKey('a', START), undefined);
  const running: SessionState = { ...atPrompt, phase: 'running' };
  t.equal(screenOfKey('a', running), undefined, 'a machine that runs is not asked');
  t.same(
    screenOfKey('a', { ...running, isScreenWatched: true }),
    { do: 'watchScreen', on: false },
    'but it can be closed',
  );
  t.same(screenOfKey('a', { ...running, paused: {} as Pause }), { do: 'watchScreen', on: true });
});
