// SPDX-License-Identifier: MIT
/** Instants of a run between its places: how the page asks for one, and how the run stands there. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import type { Standing } from '../../../emulator/cycle/steps/context.js';
import type { FromSession, Pause } from '../../../emulator/host/browser/session/protocol.js';
import { next, START, type SessionState } from '../../../emulator/host/browser/session/state.js';
import type { Visited } from '../../../emulator/host/browser/session/recall/visits.js';
import { createStepper } from '../../../emulator/host/browser/session/stepper.js';
import { createWalk } from '../../../emulator/host/browser/session/walk.js';
import { presentMs, RunInstant, runInstantOfKey, wayTo } from '../../../emulator/host/browser/views/run-instant.js';
import { marksOf, tracksOf } from '../../../emulator/host/browser/views/timeline-marks.js';
import { Timeline } from '../../../emulator/host/browser/views/timeline.js';
import type { Machine } from '../../../emulator/machine/contract.js';
import { MARKER_LAYOUT } from '../../../emulator/machine/markers.js';
import { bytes } from './fixtures/fake-machine.js';

const machine = (number: number, startVirtualMs: number, virtualMs: number): MachineShown => ({
  number,
  startVirtualMs,
  virtualMs,
  instructions: 0,
  markers: [],
  writes: [],
});
const places = [
  { title: 'boot', step: 0, part: 0, atMs: 0 },
  { title: 'suspend', step: 1, part: 0, atMs: 20.5 },
  { title: 'resume', step: 2, part: 0, atMs: 60 },
  { title: 'the end of the scenario', step: 3, part: 0, atMs: 90 },
];
const [, suspend, resume] = places as unknown as [Pause['at'], Pause['at'], Pause['at']];
const pause = { at: resume, text: '', possible: { additions: [], commands: false }, places };
const after = (...messages: readonly FromSession[]): SessionState =>
  messages.reduce(next, next(START, { tell: 'running', again: undefined }));
const paused = after(
  { tell: 'machine', machine: machine(1, 0, 60) },
  { tell: 'machine', machine: machine(2, 60, 30) },
  { tell: 'paused', ...pause },
);
const inside = { machine: 2, virtualMs: 10.25 };
const within = after({ tell: 'machine', machine: machine(1, 0, 60) }, { tell: 'paused', ...pause, inside });

t.test('the way to an instant', async (t) => {
  t.same(wayTo(30, paused), { do: 'goTo', moment: { step: 1, part: 0 }, inside: { machine: 1, virtualMs: 30 } });
  t.same(
    wayTo(75, paused),
    { do: 'goTo', moment: { step: 2, part: 0 }, inside: { machine: 2, virtualMs: 15 } },
    'in a machine that is made behind the place',
  );
  t.same(wayTo(20.5, paused), { do: 'goTo', moment: { step: 1, part: 0 } }, 'a place');
  t.same(wayTo(90, paused), { do: 'goTo', moment: { step: 3, part: 0 } }, 'the end');
  t.equal(wayTo(99, paused), undefined, 'behind it');
  t.equal(wayTo(-1, paused), undefined);
  t.equal(wayTo(5, after()), undefined, 'nothing has been run');

  t.same(runInstantOfKey('i', paused, 30), wayTo(30, paused));
  t.equal(runInstantOfKey('i', paused, undefined), undefined, 'nothing was chosen');
  t.equal(runInstantOfKey('x', paused, 30), undefined);
  t.same(runInstantOfKey('z', within, undefined), { do: 'takeOver' });
  t.equal(runInstantOfKey('z', paused, undefined), undefined, 'at a place there is more to be done');
  t.equal(runInstantOfKey('i', next(paused, { tell: 'goingOn' }), 30), undefined, 'not while it runs');
});

t.test('the slider', async (t) => {
  const ignore = (): void => undefined;
  const view = (state: SessionState, runInstant?: number): string =>
    renderToString(<RunInstant state={state} send={ignore} runInstant={runInstant} onRunInstant={ignore} />);
  t.equal(view(after()), '');
  t.equal(view({ ...paused, places: places.slice(0, 2) }), '', 'nothing behind the prompt yet');
  t.match(view(paused), /<input id="run-instant" type="range" min="21" max="90" step="1" value="60"/);
  t.match(view(paused), /<button id="go-run-instant" type="button" aria-disabled="true"/, 'it is there');
  t.match(
    view(paused, 30),
    /<button id="go-run-instant" type="button" aria-keyshortcuts="i" title="key i">Go to 30.0 ms</,
  );
});

t.test('a run that stands within a part', async (t) => {
  t.equal(within.said, 'paused within: resume, machine 2 at 10.250 ms');
  t.equal(presentMs({ ...within, known: paused.machines }), 70.25, 'its machine is known from the run before');
  t.equal(presentMs(within), 60, 'or it is not');
  const known = { ...within, known: paused.machines };
  t.match(
    marksOf(tracksOf(known), known).filter(({ kind }) => kind === 'now'),
    [{ atMs: 70.25 }],
  );
  t.same(next(within, { tell: 'goingOn' }).steps, within.steps, 'it is no step');
  const over = after(
    { tell: 'paused', ...pause, inside },
    { tell: 'going' },
    { tell: 'arrived', console: bytes('x'), tookMs: 1 },
  );
  t.match(over, { phase: 'prompt', paused: undefined, places }, 'its machine was taken over');
  t.match(runInstantOfKey('i', over, 30), { do: 'goTo' });

  const view = (way?: (atMs: number) => (() => void) | undefined): string =>
    renderToString(<Timeline tracks={tracksOf(paused)} wayTo={way} />);
  t.match(
    view(() => () => undefined),
    /<button type="button" class="span-name" tabindex="-1" title="go to 60.0 ms">/,
  );
  t.notMatch(
    view(() => undefined),
    /<button/,
    'not where the run has no way to',
  );
  t.notMatch(view(), /<button/, 'not while it runs');
});

t.test('a walk to an instant', async (t) => {
  const pauses: Pause[] = [];
  const walk = createWalk(
    async () => '',
    (one) => pauses.push(one),
    () => undefined,
  );
  const none = (): Promise<never> => Promise.reject(new Error('nobody reads'));
  const looked: Standing[] = [];
  const look = (standing: Standing): (() => Promise<void>) => {
    looked.push(standing);
    return async () => undefined;
  };
  const text = 'name: x\nsteps:\n  - boot\n  - suspend\n  - resume\n';
  const reader = { readMemory: none, captureMemory: none };
  const marker = { kind: MARKER_LAYOUT, word0: 1, word1: 2, instruction: 3, virtualMs: 4 };
  const taken = { machine: {} as Machine, instructions: 9, virtualMs: 12, console: bytes('x') };
  const visited: Visited = {
    machine: reader,
    instructions: 9,
    virtualMs: 12,
    markers: [marker],
    take: () => ({ ...taken, make: none }),
  };
  const again = { text, to: suspend, inside: { machine: 1, virtualMs: 11 }, leftOut: [], isChanged: false };
  const stand = (): Promise<void> => Promise.reject(new Error('no machine is made at the place before'));
  const { pause: reach, visit } = walk.begin(text, again, look, stand);
  await reach(suspend, [machine(1, 0, 10)], {
    machine: reader,
    virtualMs: 10,
    layout: undefined,
    copied: undefined,
    isLive: true,
  });
  t.same(pauses, [], 'nor does it pause there');
  const there = visit(visited);
  t.match(pauses, [{ at: suspend, inside: { machine: 1, virtualMs: 12 }, possible: { additions: [] } }]);
  t.match(looked, [{ machine: reader, virtualMs: 12, layout: marker, isLive: true }]);
  t.equal(
    walk.change({ command: 'ls' }, undefined, () => undefined),
    undefined,
    'nothing can be done there',
  );
  walk.goOn(false);
  await there;

  const second = visit(visited);
  t.same(walk.goTo(resume, { machine: 2, virtualMs: 1 }), {
    text,
    to: resume,
    inside: { machine: 2, virtualMs: 1 },
    leftOut: [],
    isChanged: false,
  });
  const left = await second.then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(walk.isLeft(left), 'it can be left for another instant');

  t.equal(walk.takeOver(), undefined, 'there is no machine to be taken over');
  const third = walk.begin(text, again, look, stand);
  await third.pause(suspend, [machine(1, 0, 10)], undefined);
  const last = third.visit(visited);
  t.match(walk.takeOver(), { taken, machine: 1, scenario: text });
  await t.rejects(last, 'the run is left');
  t.match(walk.goTo(suspend), { to: suspend }, 'but can go to its places');
});

t.test('a stepper behind a place', async (t) => {
  const stepper = createStepper(
    () => undefined,
    () => undefined,
    suspend,
    true,
  );
  t.notOk(stepper.pausesAt(suspend));
  t.ok(stepper.pausesAt({ step: 1, part: 1 }));
});
