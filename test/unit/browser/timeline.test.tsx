// SPDX-License-Identifier: MIT
/** What stands on the timeline beside the steps of the kernel, and how it is drawn. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import { next, START, type SessionState } from '../../../emulator/host/browser/session/state.js';
import { marksOf, tracksOf, type Mark } from '../../../emulator/host/browser/views/timeline-marks.js';
import { Timeline } from '../../../emulator/host/browser/views/timeline.js';
import type { FromSession, ToSession } from '../../../emulator/host/browser/session/protocol.js';
import { MISTAKE_MARKERS, stepBegin, stepEnd } from '../../../emulator/machine/markers.js';
import { elementsOf, type ElementDrawn } from './fixtures/elements.js';
import { sessionView } from './fixtures/session-view.js';

const machine = (
  number: number,
  startVirtualMs: number,
  virtualMs: number,
  marks: readonly (readonly [kind: number, virtualMs: number])[],
): MachineShown => ({
  number,
  startVirtualMs,
  virtualMs,
  instructions: 0,
  markers: marks.map(([kind, ms]) => ({ kind, word0: 0, word1: 0, instruction: ms, virtualMs: ms })),
  writes: [],
});
const first = machine(1, 0, 60, [
  [stepBegin('copy'), 15],
  [MISTAKE_MARKERS.made, 16],
  [stepEnd('copy'), 20],
  [stepBegin('powerOff'), 55],
]);
const second = machine(2, 60, 30, [
  [stepBegin('restore'), 9],
  [stepEnd('restore'), 10],
]);
const places = [
  { title: 'boot', step: 0, part: 0, atMs: 0 },
  { title: 'save the image', step: 1, part: 1, atMs: 30 },
  { title: 'verify', step: 3, part: 0, atMs: 80 },
];
const ran = (...messages: readonly FromSession[]): SessionState =>
  messages.reduce(next, { ...next(START, { tell: 'running', again: undefined }), places });
const shown = (one: MachineShown): FromSession => ({ tell: 'machine', machine: one });
const short = ({ kind, text, track, span }: Mark): string => `${kind} ${text}: ${track}.${span}`;
const marks = (state: SessionState): readonly Mark[] => marksOf(tracksOf(state), state);

t.test('places, faults, failures and the present stand in the span of their time', async (t) => {
  const state = ran(
    shown(first),
    { tell: 'finding', finding: { kind: 'disk', what: 'a sector differs', details: [] } },
    { tell: 'finding', finding: { kind: 'control', what: 'of the control run', details: [] } },
    { tell: 'fault', fault: { fault: 'alterSector', machine: 1, virtualMs: 60 } },
    { tell: 'fault', fault: { fault: 'flipMemory', machine: 2, virtualMs: 10 } },
    shown(second),
  );
  const all = marks(state);
  t.same(all.map(short), [
    'place boot: 0.0',
    'fault a mistake of the kernel: 0.1',
    'place save the image: 1.0',
    'fault a sector altered: 1.1',
    'failure disk: 1.1',
    'fault a byte of memory altered: 2.1',
    'place verify: 3.0',
    'now now: 3.0',
  ]);
  t.match(all[1], { title: 'fault: a mistake of the kernel, at 16.0 ms' });
  t.match(all[2], { title: 'before: save the image, at 30.0 ms', moment: { step: 1, part: 1 } });
  t.match(all[4], { title: 'found until 60.0 ms: disk: a sector differs' });
  t.same(marks(ran()), [], 'nothing before there is a machine');
});

t.test('a run that is repeated has before it what the run before has shown', async (t) => {
  const again = { text: '', to: { step: 1, part: 1 }, leftOut: [], isChanged: false };
  const back = [{ tell: 'running', again } as const, shown({ ...first, virtualMs: 30 })].reduce(
    next,
    ran(shown(first), shown(second)),
  );
  t.equal(tracksOf(back).length, 4);
  t.same(marks(back).map(short), [
    'place boot: 0.0',
    'fault a mistake of the kernel: 0.1',
    'place save the image: 1.0',
    'now now: 1.0',
    'place verify: 3.0',
  ]);
  const view = renderToString(<Timeline tracks={tracksOf(back)} marks={marks(back)} />);
  t.match(view, /<li class="span" data-kind="copy"/);
  t.match(
    view,
    /<li class="span ahead" data-kind="powerOff"[^>]*title="power off: 5.0 ms, from 55.0 ms on, in the run before"/,
  );
  t.match(view, /<li class="span ahead" data-kind="restore"/);
  const changed = next(back, { tell: 'running', again: { ...again, isChanged: true } });
  t.same(changed.known, [], 'what was changed goes on in another way');
  const farther = next([shown(first), shown(second)].reduce(next, back), { tell: 'running', again });
  t.same(farther.known, [first, second], 'known is what has come farthest');
});

t.test('a place is a button, the present is told to who listens', async (t) => {
  const state = ran(shown(first));
  const view = (onGo?: () => void): string =>
    renderToString(<Timeline tracks={tracksOf(state)} marks={marks(state)} onGo={onGo} />);
  t.match(
    view(() => undefined),
    /<button type="button" class="mark" data-kind="place" title="before: save the image, at 30.0 ms"[^>]*>save the image<\/button>/,
  );
  t.match(view(), /<button type="button" class="mark" data-kind="place"[^>]* aria-disabled="true">boot</);
  t.match(view(), /<span class="mark" data-kind="now" title="now: 60.0 ms"[^>]* aria-current="step">now<\/span>/);
  t.match(
    view(),
    /<span class="mark" data-kind="fault" title="fault: [^"]*"[^>]*>fault: a mistake of the kernel<\/span>/,
  );
});

t.test('a legend says what is drawn', async (t) => {
  const state = ran(
    shown(first),
    { tell: 'fault', fault: { fault: 'alterSector', machine: 1, virtualMs: 60 } },
    { tell: 'finding', finding: { kind: 'disk', what: 'a sector differs', details: [] } },
    shown(second),
  );
  const again = { text: '', to: { step: 1, part: 1 }, leftOut: [], isChanged: false };
  const back = [{ tell: 'running', again } as const, shown({ ...first, virtualMs: 30 })].reduce(next, state);
  const timeline = (of: SessionState): readonly ElementDrawn[] =>
    elementsOf(<Timeline tracks={tracksOf(of)} marks={marks(of)} />);
  const styleOf = ({ props }: ElementDrawn): object => props['style'] as object;
  const swatches = (of: SessionState): ReadonlyMap<string, object> =>
    new Map(
      timeline(of).flatMap((row, at, all) => {
        const swatch = row.type === 'tr' && all.slice(at).find(({ props }) => /^swatch/.test(String(props['class'])));
        return swatch ? [[row.text, styleOf(swatch)] as const] : [];
      }),
    );
  t.same(
    [...swatches(state).keys()],
    [
      'programs run',
      'freezing, or frozen',
      'copying, restoring, the image',
      'thawing',
      'power-off, rollback, commit',
      'in the run before',
      'until the snapshot',
      'live timeline',
      'new machine',
      'restored timeline',
      'where the run is now',
      'a place of the run',
      'a fault: damage on purpose',
      'a failure: what was found',
    ],
  );
  t.same([...swatches(back)], [...swatches(state)], 'it is always the same');
  t.same(swatches(ran()), new Map(), 'there is none without a timeline');
  const drawn = (of: SessionState, selects: string, kind: string): object | undefined =>
    timeline(of)
      .filter(({ props }) => props['class'] === selects && props['data-kind'] === kind)
      .map(styleOf)[0];
  for (const [selects, kind, row] of [
    ['span', 'runs', 'programs run'],
    ['span', 'copy', 'copying, restoring, the image'],
    ['span', 'powerOff', 'power-off, rollback, commit'],
    ['track', 'run', 'until the snapshot'],
    ['track', 'live', 'live timeline'],
    ['track', 'boot', 'new machine'],
    ['track', 'restored', 'restored timeline'],
    ['mark', 'now', 'where the run is now'],
    ['mark', 'place', 'a place of the run'],
    ['mark', 'fault', 'a fault: damage on purpose'],
    ['mark', 'failure', 'a failure: what was found'],
  ] as const)
    t.match(drawn(state, selects, kind), swatches(state).get(row) ?? { none: row }, `${selects} ${kind}: ${row}`);
  const ahead = drawn(back, 'span ahead', 'powerOff');
  t.ok(ahead);
  t.notMatch(ahead, { background: String }, 'a step of the run before has no area');
});

t.test('a fault or a failure is a button where the run can go to its instant', async (t) => {
  const resume = { title: 'resume', step: 2, part: 0 };
  const paused: FromSession = {
    tell: 'paused',
    at: resume,
    text: '',
    possible: { additions: [], commands: false },
    places: [...places.slice(0, 2), { ...resume, atMs: 60 }, ...places.slice(2)],
  };
  const state = ran(
    shown(first),
    { tell: 'finding', finding: { kind: 'disk', what: 'a sector differs', details: [] } },
    { tell: 'fault', fault: { fault: 'flipMemory', machine: 2, virtualMs: 10 } },
    shown(second),
    { tell: 'finding', finding: { kind: 'guest', what: 'it does not answer', details: [] } },
    paused,
  );
  const sent: ToSession[] = [];
  const send = (message: ToSession): void => void sent.push(message);
  const bad = (state: SessionState): readonly ElementDrawn[] =>
    elementsOf(sessionView(state, { send })).filter(
      ({ props }) => props['class'] === 'mark' && /^(?:fault|failure)$/.test(String(props['data-kind'])),
    );
  const drawn = bad(state);
  t.same(
    drawn.map(({ type, text }) => `${type} ${text}`),
    [
      'button fault: a mistake of the kernel',
      'button failure: disk',
      'button fault: a byte of memory altered',
      'span failure: guest',
    ],
    'behind the last place there is no way',
  );
  for (const { props } of drawn) (props['onClick'] as (() => void) | undefined)?.();
  t.same(
    sent,
    [
      { do: 'goTo', moment: { step: 0, part: 0 }, inside: { machine: 1, virtualMs: 16 } },
      { do: 'goTo', moment: { step: 2, part: 0 } },
      { do: 'goTo', moment: { step: 2, part: 0 }, inside: { machine: 2, virtualMs: 10 } },
    ],
    'a click goes there',
  );
  t.ok(
    drawn.every(({ props }) => props['tabIndex'] === undefined),
    'and so do keys',
  );
  t.same(
    bad(next(state, { tell: 'goingOn' })).map(({ type }) => type),
    ['span', 'span', 'span', 'span'],
    'not while it runs',
  );
});
