// SPDX-License-Identifier: MIT
/** The state of a session from what its worker reports, and the views of it. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import type { PausedAt } from '../../../emulator/cycle/steps/context.js';
import type { Possible } from '../../../emulator/host/browser/session/additions.js';
import type { FromSession, Pause, RecallNow } from '../../../emulator/host/browser/session/protocol.js';
import type { PlaceShown } from '../../../emulator/host/browser/session/places.js';
import { next, START, type SessionState } from '../../../emulator/host/browser/session/state.js';
import { createStepper } from '../../../emulator/host/browser/session/stepper.js';
import { nameIn } from '../../../emulator/host/browser/views/editor.js';
import { NO_STORE } from '../../../emulator/host/browser/storage/piece-store.js';
import { PauseView, requestOfKey } from '../../../emulator/host/browser/views/pause-view.js';
import {
  actionOfKey,
  Storage,
  watchOfKey,
  type SessionProps,
} from '../../../emulator/host/browser/views/session-view.js';
import {
  durationText,
  timelineOf,
  trackBegins,
  type Track,
} from '../../../emulator/host/browser/views/timeline-model.js';
import { RecallView, recallOfKey, type InstantChosen } from '../../../emulator/host/browser/views/recall-view.js';
import { Tour, tourStep } from '../../../emulator/host/browser/views/tour.js';
import { weightOf } from '../../../emulator/host/browser/views/timeline.js';
import { stepBegin, stepEnd, USER_MARKERS, type KernelStep } from '../../../emulator/machine/markers.js';
import { SESSION_FORMAT, sessionTextOfLink, type SessionFile } from '../../../emulator/scenario/session-file.js';
import type { Report } from '../../../emulator/report/model.js';
import { sessionView } from './fixtures/session-view.js';

type Mark = readonly [kind: number, virtualMs: number];
const at = (step: KernelStep, beginMs: number, endMs: number): readonly Mark[] => [
  [stepBegin(step), beginMs],
  [stepEnd(step), endMs],
];
const machine = (
  number: number,
  startVirtualMs: number,
  virtualMs: number,
  marks: readonly Mark[],
  writes: MachineShown['writes'] = [],
): MachineShown => ({
  number,
  startVirtualMs,
  virtualMs,
  instructions: 0,
  markers: marks.map(([kind, ms]) => ({ kind, word0: 0, word1: 0, instruction: ms * 1000, virtualMs: ms })),
  writes,
});

/** A snapshot at 20 ms, a live timeline until 60 ms, and a second machine that restores after 10 ms. */
const CYCLE: readonly MachineShown[] = [
  machine(1, 0, 60, [
    [USER_MARKERS.agentReady, 2],
    [stepBegin('call'), 10],
    ...at('freezeTasks', 11, 13),
    [stepBegin('quiesce'), 14],
    ...at('copy', 15, 20),
    [stepEnd('quiesce'), 21],
    ...at('thawTasks', 22, 24),
    [stepEnd('call'), 25],
    [stepBegin('powerOff'), 55],
  ]),
  machine(2, 60, 30, [
    ...at('imageRead', 2, 8),
    [stepBegin('restore'), 9],
    [stepEnd('restore'), 10],
    [stepEnd('quiesce'), 10.5],
    ...at('thawTasks', 11, 12),
  ]),
];
const short = ({ kind, machine, beginMs, endMs, from, spans }: Track): unknown => [
  kind,
  machine,
  beginMs,
  endMs,
  from,
  spans.map(({ step, durationMs, isCut }) => `${step} ${durationMs}${isCut ? ' cut' : ''}`),
];

t.test('the timeline branches at the snapshot', async (t) => {
  const tracks = timelineOf(CYCLE);
  t.same(tracks.map(short), [
    ['run', 1, 0, 20, undefined, ['runs 11', 'freezeTasks 2', 'frozen 1', 'quiesce 1', 'copy 5']],
    ['live', 1, 20, 60, 0, ['quiesce 1', 'frozen 1', 'thawTasks 2', 'runs 31', 'powerOff 5']],
    ['boot', 2, 60, 70, undefined, ['runs 2', 'imageRead 6', 'runs 1', 'restore 1']],
    ['restored', 2, 70, 90, 0, ['quiesce 0.5', 'frozen 0.5', 'thawTasks 1', 'runs 18']],
  ]);
  for (const { beginMs, endMs, spans } of tracks) {
    t.equal(
      spans.reduce((sum, { durationMs }) => sum + durationMs, beginMs),
      endMs,
      'without gaps',
    );
    spans.forEach((span, index) => {
      const before = spans[index - 1];
      t.equal(span.beginMs, before ? before.beginMs + before.durationMs : beginMs);
    });
  }
});

t.test('a rollback, a second snapshot, a power cut within a step', async (t) => {
  const kinds = (machines: readonly MachineShown[]): unknown =>
    timelineOf(machines).map(({ kind, from }) => [kind, from]);
  const back = [...at('copy', 1, 2), ...at('rollback', 5, 6), [stepEnd('restore'), 7], ...at('copy', 10, 11)] as const;
  t.same(kinds([machine(1, 0, 20, back)]), [
    ['run', undefined],
    ['live', 0],
    ['restored', 0],
    ['live', 2],
  ]);
  const cut = timelineOf([machine(1, 0, 5, [[stepBegin('shrink'), 5]])]);
  t.same(cut.map(short), [['run', 1, 0, 5, undefined, ['runs 5', 'shrink 0 cut']]]);
  t.same(timelineOf([]), []);
});

t.test('where the tracks of a machine begin', async (t) => {
  t.same(CYCLE.map(trackBegins), [
    [
      { kind: 'run', instruction: 0 },
      { kind: 'live', instruction: 20_000 },
    ],
    [
      { kind: 'boot', instruction: 0 },
      { kind: 'restored', instruction: 10_000 },
    ],
  ]);
  t.same(
    CYCLE.flatMap(trackBegins).map(({ kind }) => kind),
    timelineOf(CYCLE).map(({ kind }) => kind),
    'as on the timeline',
  );
});

t.test('durations and widths', async (t) => {
  t.same([0, 0.35, 20.14, 1960, 12345].map(durationText), ['0 µs', '350 µs', '20.1 ms', '1.96 s', '12.35 s']);
  t.same([0, 0.009, 0.999, 999.999].map(weightOf), [1, 2, 4, 7]);
});

const pauseAt = (at: PausedAt, possible: Possible = { additions: [], commands: false }): Pause => ({
  at,
  text: 'name: x\n',
  possible,
  places: [{ ...at, atMs: 0 }],
});
const after = (...messages: readonly FromSession[]): SessionState => messages.reduce(next, START);
const prompt: FromSession = {
  tell: 'prompt',
  scenario: 'name: snapshot, resume\nsteps: []\n',
  state: { instructions: 5, virtualMs: 1.5, stateHash: 'abcdef0123456789f', loadedMs: 1, promptMs: 2 },
};
const report = {
  verdict: 'fail',
  stateHash: 'f00d',
  replay: 'npx snapback run x.yaml --seed 1',
} as unknown as Report;

const session: SessionFile = {
  sessionFormat: SESSION_FORMAT,
  snapback: '1.0.0',
  scenario: 'name: x\n',
  artifacts: { kernel: 'ab' },
  stateHash: 'f00d',
};
const verdict = (text: string, expected?: string): FromSession => ({
  tell: 'verdict',
  report,
  places: [],
  text,
  session,
  expected,
});

t.test('the places of a run that was not told to pause at the last ones', async (t) => {
  const at = { step: 0, part: 0, title: 'boot', atMs: 0 };
  const passed = { step: 1, part: 0, title: 'run true', atMs: 5 };
  const paused: FromSession = {
    tell: 'paused',
    at,
    text: '',
    possible: { additions: [], commands: false },
    places: [at],
  };
  t.same(after(paused, { tell: 'goingOn' }).places, [at]);
  const places = [at, passed];
  t.same(after(paused, { tell: 'goingOn' }, { ...verdict('PASS'), places } as FromSession).places, places);
});

t.test('the state of a session', async (t) => {
  const loading = { missing: ['state', 'emulator'], loadedBytes: 3e6, allBytes: 12.4e6 };
  t.match(after({ tell: 'loading', loading }), { loading, said: 'loading state, emulator: 9.4 of 12.4 MB left' });
  t.match(after({ tell: 'loading', loading: { ...loading, missing: [] } }), { loading: undefined, said: 'unpacking' });
  t.match(after(prompt), {
    phase: 'prompt',
    scenario: 'name: snapshot, resume\nsteps: []\n',
    said: 'at the prompt: instruction 5, 1.500 ms; state abcdef0123456789',
  });
  const step = (what: string, fraction?: number): FromSession => ({ tell: 'step', what, fraction });
  const ran = after(
    prompt,
    { tell: 'running', again: undefined },
    step('boot', 0),
    step('booting the kernel'),
    step('suspend', 0.5),
    step('suspend', 0.6),
  );
  t.match(ran, { phase: 'running', done: 0.6, said: 'suspend' });
  t.same(ran.steps, ['boot', 'suspend'], 'a part of a step is no other step');
  const [one, two] = CYCLE as readonly [MachineShown, MachineShown];
  t.same(after({ tell: 'machine', machine: two }, { tell: 'machine', machine: one }).machines, CYCLE, 'in their order');
  t.same(after({ tell: 'machine', machine: { ...one, markers: [] } }, { tell: 'machine', machine: one }).machines, [
    one,
  ]);
  const image = { machine: 2, instruction: 100, ranges: [{ disk: 'sdb', startSector: 8, sectors: 16 }] };
  t.equal(after({ tell: 'image', image }).image, image);
  const written = { markers: [], writes: [[{ instruction: 5, sector: 8, count: 1 }]], instructions: 9, virtualMs: 3 };
  const wrote: FromSession = { tell: 'wrote', machine: two.number, written };
  const lit = after({ tell: 'machine', machine: one }, wrote, wrote);
  t.same(lit.running?.writes, [[...written.writes.flat(), ...written.writes.flat()]]);
  t.same(lit.machines, [one], 'so that marks do not depend on when it was told');
  t.match(lit.running, { number: two.number, startVirtualMs: one.startVirtualMs + one.virtualMs, virtualMs: 3 });
  t.equal(next(lit, { tell: 'machine', machine: two }).running, undefined, 'all of it is told');
  t.equal(next(lit, { tell: 'running', again: undefined }).running, undefined);
  t.equal(after({ tell: 'image', image }, { tell: 'running', again: undefined }).image, undefined);
  t.match(after(prompt, verdict('FAIL')), { phase: 'ended', verdict: 'FAIL', done: 1 });
  t.same(
    next(after(prompt, { tell: 'machine', machine: one }, verdict('FAIL')), { tell: 'running', again: undefined }),
    { ...after(prompt), phase: 'running', said: 'running the scenario' },
    'a new run begins without what the last one left',
  );
  t.match(after({ tell: 'failed', message: 'no', remedy: 'try' }), { phase: 'failed', said: 'no; what to do: try' });
  t.match(
    after({ tell: 'failed', message: 'no', remedy: undefined }, { tell: 'loading', loading }),
    { said: 'no', loading: undefined },
    'what is still being loaded does not hide a failure',
  );
  t.match(after({ tell: 'failed', message: 'no', remedy: undefined }), { said: 'no' });
});

t.test('a run part by part', async (t) => {
  const step = (what: string): FromSession => ({ tell: 'step', what, fraction: 0.5 });
  const at = { title: 'run ls', step: 1, part: 0 };
  const pause: FromSession = { tell: 'paused', ...pauseAt(at) };
  const paused = after(prompt, { tell: 'running', again: undefined }, pause);
  t.match(paused, {
    phase: 'running',
    paused: { at },
    place: at,
    places: [at],
    said: 'paused before: run ls',
    steps: [],
  });
  const gone = next(paused, { tell: 'goingOn' });
  t.match(gone, { phase: 'running', paused: undefined, said: 'run ls', steps: ['run ls'] });
  const twice = [step('run ls'), pause, { tell: 'goingOn' } as const, step('run ls')].reduce(next, gone);
  t.same(twice.steps, ['run ls', 'run ls'], 'a part that is a step, too, is one');

  const keys = (state: SessionState): string => [...'rsne0x'].map((key) => actionOfKey(key, state) ?? '-').join(' ');
  t.equal(keys(START), '- - - - - -');
  t.equal(keys(after(prompt)), 'run step - - - -');
  const kept = after(prompt, { tell: 'keep', kept: { session: '{}', isStanding: false } });
  t.equal(keys(kept), 'run step - - leave -', 'what was typed to the machine can be left');
  t.equal(keys(next(kept, { tell: 'keep', kept: undefined })), 'run step - - - -');
  t.notOk(next(kept, { tell: 'ended', why: 'halted' }).isKept, 'nobody comes back to a machine that has ended');
  t.equal(keys(paused), '- - next rest leave -');
  t.equal(keys(gone), '- - - - leave -');
  t.equal(keys(next(gone, verdict('FAIL'))), 'run step - - leave -');

  const told: string[] = [];
  const { pause: wait, goOn } = createStepper(
    ({ title }) => told.push(title),
    () => told.push('on'),
  );
  const begin = (title: string): Promise<void> =>
    wait({ title, step: 0, part: 0 }).then(() => void told.push(`${title} begins`));
  goOn(false);
  const one = begin('one');
  await Promise.resolve();
  t.same(told, ['one'], 'what is told before there is a pause ends none');
  goOn(false);
  await one;
  const two = begin('two');
  goOn(true);
  await two;
  await begin('three');
  t.same(told, ['one', 'on', 'one begins', 'two', 'on', 'two begins', 'three begins'], 'without pauses in the end');
});

const ignore = (): void => undefined;

t.test('a session that tells nothing', async (t) => {
  const silent = after(prompt, { tell: 'silence', isSilent: true });
  const status = (state: SessionState): string => /<p id="status"[^>]*>([^<]*)</.exec(view(state))?.[1] ?? '';
  t.match(status(silent), /^the session has told nothing for 30 s; what to do: wait, /);
  t.match(status(next(silent, { tell: 'silence', isSilent: false })), /^at the prompt: /, 'which is taken back');
});

/** All of the page but its console. */
const view = (state: SessionState, more: Partial<SessionProps> = {}): string =>
  renderToString(sessionView(state, more));

t.test('what can be done at a pause, and where the run can go', async (t) => {
  const places = ['boot', 'run ls', 'verify'].map((title, step) => ({ title, step, part: 0, atMs: step }));
  const [, here] = places as [PlaceShown, PlaceShown];
  const possible: Possible = {
    commands: true,
    additions: [
      { id: 'havoc', title: 'Make havoc', key: 'h' },
      { id: 'skipPage', title: 'A page is left out', isFault: true },
    ],
  };
  const paused = after(
    prompt,
    { tell: 'running', again: undefined },
    { tell: 'paused', ...pauseAt(here, possible), places },
  );
  const pauseView = (state: SessionState, chosen?: number): string =>
    renderToString(<PauseView state={state} send={ignore} chosen={chosen} onChoose={ignore} />);
  t.equal(pauseView(after(prompt)), '', 'nothing without a pause');
  t.match(
    pauseView(paused),
    /<button id="do-havoc" type="button" aria-keyshortcuts="h" title="key h">Make havoc<\/button>/,
  );
  t.match(
    pauseView(paused),
    /<details id="faults">.*<button id="do-skipPage" type="button">A page is left out<\/button>/,
  );
  t.match(pauseView(paused), /<input id="command" name="entered" list="workloads"/);
  t.match(pauseView(paused), /<option value="ps -e > \/dev\/tty1"/, 'one writes to the screen');
  t.notMatch(pauseView(paused), 'off-time');
  const before = next(paused, { tell: 'paused', ...pauseAt(here, { ...possible, offTime: '90 min' }), places });
  t.match(pauseView(before), /<input id="off-time" name="entered" value="90 min"/);
  t.match(pauseView(paused), /<input id="moment" type="range" min="0" max="2" value="1" aria-valuetext="run ls"/);
  t.match(pauseView(paused), /<button id="go" type="button" aria-disabled="true" [^>]*>Go to: run ls</, 'it is there');
  t.match(pauseView(paused, 2), /<button id="go" type="button" aria-keyshortcuts="g" [^>]*>Go to: verify</);

  t.same(requestOfKey('h', paused, undefined), { do: 'change', doing: { id: 'havoc' } });
  t.equal(requestOfKey('x', paused, undefined), undefined);
  t.equal(requestOfKey('g', paused, undefined), undefined, 'nothing was chosen');
  t.same(requestOfKey('g', paused, 2), { do: 'goTo', moment: places[2] });

  const again = { text: 'name: y\n', to: here, leftOut: ['resume', 'verify'], isChanged: true };
  const going = next(paused, { tell: 'running', again });
  t.match(going, { phase: 'running', paused: undefined, place: here, places, said: 'going there' });
  t.match(pauseView(going, 2), /<p id="left-out"[^>]*>No longer in the scenario[^<]*: resume, verify</);
  t.match(pauseView(going, 2), /<button id="go" type="button" aria-disabled="true"/, 'not while it runs');
  t.equal(requestOfKey('g', going, 2), undefined);
  t.equal(requestOfKey('h', going, undefined), undefined);
  t.same(next(going, { tell: 'running', again: undefined }).places, [], 'a run from its beginning has been nowhere');
  const ended = next(going, { ...verdict('PASS'), places } as FromSession);
  t.same(requestOfKey('g', ended, 0), { do: 'goTo', moment: places[0] }, 'from the end, too');
});

t.test('instants of the machine at the prompt', async (t) => {
  const recall: RecallNow = {
    lines: [
      { number: 1, beginMs: 10.2, endMs: 5000.4 },
      { number: 2, beginMs: 10.2, endMs: 4000, from: { line: 1, atMs: 3000 } },
    ],
    checkpoints: { count: 2, bytes: 60e6, bytesMax: 384e6 },
    line: 2,
    at: { virtualMs: 4000, instructions: 7 },
    isStanding: false,
    hasMore: false,
  };
  const moving = after(prompt, { tell: 'recall', recall });
  const stands = { virtualMs: 3500, instructions: 6, stateHash: 'abcdef0123456789f' };
  const atInstant: SessionFile = { ...session, typed: [], until: { virtualMs: 3500, instructions: 6 } };
  const there = [
    { tell: 'going' } as const,
    { tell: 'arrived', console: new Uint8Array(0), tookMs: 1250 } as const,
    { tell: 'recall', recall: { ...recall, isStanding: true, hasMore: true } } as const,
    { tell: 'stands', stands, session: atInstant, expected: undefined } as const,
  ];
  const [going, arrived, , standing] = there.map((_, index) => there.slice(0, index + 1).reduce(next, moving)) as [
    SessionState,
    SessionState,
    SessionState,
    SessionState,
  ];
  t.match(going, { phase: 'prompt', isGoing: true, said: 'going to an instant' });
  t.match(arrived, { isGoing: false, wentMs: 1250 });
  t.match(standing, { stands, said: 'stands at instruction 6, 3500.000 ms; state abcdef0123456789' });
  t.equal(next(standing, { tell: 'recall', recall: { ...recall, hasMore: true } }).said, 'going on as it was');
  t.match(next(standing, { tell: 'recall', recall }), { said: 'going on', stands: undefined });
  t.equal(next(moving, { tell: 'recall', recall }).said, moving.said, 'a machine that moves on says nothing');

  const checkpoints = { count: 9, bytes: 123e6, bytesMax: 384e6 };
  const paused = [
    { tell: 'running', again: undefined } as const,
    { tell: 'paused', ...pauseAt({ title: 'run ls', step: 1, part: 0 }) } as const,
    { tell: 'checkpoints', checkpoints } as const,
  ].reduce(next, moving);
  t.match(paused, { paused: { at: { title: 'run ls' } }, recall: { ...recall, checkpoints } });
  t.match(
    renderToString(<RecallView state={paused} send={ignore} instant={undefined} onInstant={ignore} />),
    />9 checkpoints need 123.0 of at most 384.0 MB/,
    'those of a run that has paused, too',
  );
  t.equal(after({ tell: 'checkpoints', checkpoints }).recall, undefined);

  const instant = { line: 1, virtualMs: 2000 };
  const keys = (state: SessionState): unknown => ['i', 'k', 'z'].map((key) => recallOfKey(key, state, instant));
  t.same(keys(after(prompt)), [undefined, undefined, undefined], 'nothing is known yet');
  t.same(keys(moving), [{ do: 'goToInstant', ...instant }, { do: 'stand', on: true }, undefined]);
  t.same(recallOfKey('k', standing, instant), { do: 'stand', on: false });
  t.same(keys(going), [undefined, undefined, undefined]);
  t.equal(recallOfKey('i', moving, undefined), undefined, 'nothing was chosen');
  t.same(keys(next(moving, verdict('PASS'))), [{ do: 'goToInstant', ...instant }, undefined, undefined], 'after a run');
  t.same(keys(next(moving, { tell: 'running', again: undefined })), [undefined, undefined, undefined]);

  const view = (state: SessionState, instant?: InstantChosen): string =>
    renderToString(<RecallView state={state} send={ignore} instant={instant} onInstant={ignore} />);
  t.equal(view(after(prompt)), '');
  t.match(view(moving), /<input id="instant" type="range" min="10" max="4000" step="1" value="4000"/);
  t.match(view(moving), /<option[^>]* value="2">line 2, from line 1 at 3.00 s, to 4.00 s</);
  t.match(view(moving), /<button id="go-instant" type="button" aria-disabled="true"/, 'it is there');
  t.match(view(moving), />Stand still</);
  t.match(view(moving, instant), /<input id="instant"[^>]* max="5001"/);
  t.match(
    view(moving, instant),
    /<button id="go-instant" type="button" aria-keyshortcuts="i" title="key i">Go to 2.00 s</,
  );
  t.match(view(standing), />Go on as it was</);
  t.match(
    view(standing),
    />2 checkpoints need 60.0 of at most 384.0 MB. The way to the last instant took 1.25 s. What is typed/,
  );
  const linkIn = (html: string): string => /id="instant-link" href="([^"]*)"/.exec(html)?.[1] ?? '';
  t.equal(sessionTextOfLink(linkIn(view(standing))), JSON.stringify(atInstant));
  t.match(view(standing), /<a id="instant-file" href="data:application\/json,[^"]*" download="snapback-session.json"/);
  t.notMatch(view(standing), /id="same-instant"/, 'a page that was opened without a link');
  t.notMatch(view(next(standing, { tell: 'recall', recall })), /id="instant-link"/, 'not while it moves');
  const same = (expected: string): string =>
    view(next(standing, { tell: 'stands', stands, session: atInstant, expected }));
  t.match(same(stands.stateHash), /<p id="same-instant" class="good">This is the state of the link\.</);
  t.match(same('beef'), /<p id="same-instant" class="bad">This is not the state of the link, which is beef\.</);
  const one = { ...moving, recall: { ...recall, lines: recall.lines.slice(0, 1), line: 1 } };
  t.notMatch(view(one), /<select/);
});

t.test('the memory is watched', async (t) => {
  const memory = { kinds: Uint8Array.of(1, 1, 2), virtualMs: 3, pictures: 1, tookMs: 1 };
  const page = { frame: 2, owner: 'jiffies', bytes: Uint8Array.of(7), virtualMs: 3 };
  const watched = after(prompt, { tell: 'watching', on: true }, { tell: 'memory', memory }, { tell: 'page', page });
  t.match(watched, { phase: 'prompt', isWatched: true, memory, page });
  t.match(next(watched, { tell: 'watching', on: false }), { isWatched: false, memory });
  t.match(next(watched, { tell: 'running', again: undefined }), { memory, page }, 'the last picture stays');
  t.match(view(watched), /<button id="watch" type="button" aria-pressed="true" aria-keyshortcuts="w" title="key w">/);
  t.match(
    view(after(prompt)),
    /<button id="watch" type="button" aria-pressed="false" aria-keyshortcuts="w" title="key w">/,
  );
  t.match(
    view(START),
    /<button id="watch" type="button" aria-pressed="false" aria-disabled="true" aria-keyshortcuts="w"/,
  );
  t.match(view(watched), /<div id="page" aria-live="polite"><p>Page frame 2 at 3.0 ms: jiffies<\/p>/);
  t.notMatch(view(after(prompt)), /id="memory"/);
  t.same(watchOfKey('w', after(prompt)), { do: 'watchMemory', on: true });
  t.same(watchOfKey('w', watched), { do: 'watchMemory', on: false });
  t.equal(watchOfKey('w', START), undefined, 'there is no machine');
  t.equal(watchOfKey('x', watched), undefined);
});

t.test('the views', async (t) => {
  t.match(view(START), /<p id="status" role="status"[^>]*>starting<\/p>/);
  t.match(view(START), /<button id="run" type="button" aria-disabled="true" [^>]*>Run the scenario<\/button>/);
  t.match(
    view(after(prompt)),
    /<button id="run" type="button" aria-keyshortcuts="r" title="key r">Run: snapshot, resume<\/button>/,
  );
  t.notMatch(view(after(prompt)), /id="(next|rest)"/);
  const pause: FromSession = { tell: 'paused', ...pauseAt({ title: 'save the image', step: 1, part: 2 }) };
  const paused = view(after(prompt, { tell: 'running', again: undefined }, pause));
  t.match(paused, /<button id="step" type="button" aria-disabled="true"/);
  t.match(paused, /<button id="next" type="button" aria-keyshortcuts="n" title="key n">Next: save the image<\/button>/);
  t.match(paused, /<button id="rest" type="button" aria-keyshortcuts="e"/);
  t.match(
    view(after(prompt, { tell: 'running', again: undefined }, pause, { tell: 'goingOn' })),
    /<button id="next" type="button" aria-disabled="true"[^>]*>Next<\/button>/,
    'what has the focus stays while the run goes on',
  );
  t.notMatch(view(after(prompt)), /id="(timeline|proofs|steps)"/);
  const shown = view(
    after(
      prompt,
      { tell: 'running', again: undefined },
      ...CYCLE.map((one): FromSession => ({ tell: 'machine', machine: one })),
    ),
  );
  t.match(shown, /<li class="track" data-kind="live"/);
  t.match(shown, /<li class="span" data-kind="copy"[^>]*title="copy: 5.0 ms, from 15.0 ms on">/);
  t.match(shown, /machine 2, 70.0 ms to 90.0 ms, from the snapshot/);
  const failed = view(after(prompt, verdict('FAIL  <x>')));
  t.match(failed, /<pre id="verdict" class="fail" tabindex="0" aria-label="verdict">FAIL {2}&lt;x><\/pre>/i);
  t.match(failed, /class="failed">the scenario has ended: fail/);
  t.match(failed, /<code>npx snapback run x.yaml --seed 1<\/code>/);
  t.match(failed, /href="data:application\/json,%7B%0A%20%20%22verdict%22/);
  t.equal(sessionTextOfLink(/id="session-link" href="([^"]*)"/.exec(failed)?.[1] ?? ''), JSON.stringify(session));
  t.match(
    failed,
    /<a id="session-file" href="data:application\/json,%7B%0A%20%20%22sessionFormat%22[^"]*" download="snapback-session.json"/,
  );
  t.notMatch(failed, /id="same"/);
  t.match(view(after(prompt, verdict('FAIL', 'f00d'))), /<p id="same" class="good">This is the state of the link\.</);
  t.match(
    view(after(prompt, verdict('FAIL', 'beef'))),
    /<p id="same" class="bad">This is not the state of the link, which is beef\.</,
  );

  const refused = after(prompt, { tell: 'refused', message: 'scenario:1:1: no', remedy: 'correct it' });
  t.match(view(refused), /<pre id="refused" role="alert">scenario:1:1: no\nwhat to do: correct it<\/pre>/);
  t.equal(refused.phase, 'prompt', 'the machine goes on');
  t.notMatch(view(next(refused, { tell: 'running', again: undefined })), /id="refused"/);
  const edit = view(after(prompt), { edited: 'name: mine\n<x>' });
  t.match(edit, /<textarea id="scenario"[^>]*>name: mine\n&lt;x><\/textarea>/);
  t.match(edit, />Run: mine<\/button>/);
  t.equal(nameIn('steps: []'), 'the scenario');
  const kept = (bytes: number, isFull = false): string =>
    renderToString(<Storage stored={{ bytes, bytesMax: 100e6, isFull }} onEmpty={() => undefined} />);
  t.match(kept(2.5e6), />2.5 of at most 100.0 MB of the disks are kept/);
  t.notMatch(kept(2.5e6), 'no room');
  t.match(kept(2.5e6, true), /It has no room for more/);
  t.match(kept(0), /aria-disabled="true"/);
  t.notMatch(kept(1), /disabled/);
  t.match(
    renderToString(<Storage stored={NO_STORE} onEmpty={ignore} />),
    />This browser keeps nothing of the disks: [^<]*<\/p>$/,
  );
});

t.test('the tour goes from the boot to the proof', async (t) => {
  const [first, second] = CYCLE as readonly [MachineShown, MachineShown];
  const before = machine(1, 0, 9, [[USER_MARKERS.agentReady, 2]]);
  const told = (...messages: readonly FromSession[]): SessionState =>
    after(prompt, { tell: 'running', again: undefined }, ...messages);
  const shown = (one: MachineShown): FromSession => ({ tell: 'machine', machine: one });
  const stands = (title: string, step: number, part = 0): FromSession => ({
    tell: 'paused',
    ...pauseAt({ title, step, part }),
  });
  t.same(
    [
      after(prompt),
      told(),
      told(shown(before), stands('suspend', 2)),
      told(shown(first), stands('save the image', 2, 1)),
      told(shown(first), stands('resume', 3)),
      told(shown(first), shown(second), stands('verify', 4)),
      told(shown(first), shown(second), verdict('PASS')),
    ].map(tourStep),
    [0, 1, 1, 2, 3, 4, 5],
  );
  const view = (state: SessionState): string => renderToString(<Tour state={state} onSkip={ignore} />);
  t.match(view(after(prompt)), /<b>1 of 6<\/b> A Linux machine .*<button id="skip" type="button">Skip the tour</);
  t.match(view(after(verdict('PASS'))), /<b>6 of 6<\/b> .*>End the tour</);
});
