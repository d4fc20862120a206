// SPDX-License-Identifier: MIT
/** Sessions of the page as files and links, and scenarios that were changed there. */
import t from 'tap';
import type { Plan } from '../../../emulator/cycle/plan.js';
import { changed, changeOf, keptFor, sessionFor } from '../../../emulator/host/browser/session/edited.js';
import type { LoadedMachine, LoadedScenario } from '../../../emulator/host/browser/storage/machine-files.js';
import {
  isSession,
  linkPart,
  readSession,
  readUnproven,
  scenarioOfLink,
  scenarioPart,
  sessionText,
  sessionTextOfLink,
  type SessionFile,
} from '../../../emulator/scenario/session-file.js';
import { coreDigest } from '../../../emulator/host/node/core-digest.js';
import { readScenario } from '../../../emulator/scenario/schema.js';
import { loadSession, placeDifferences, replaySession, sessionDifferences } from '../../../tools/cli/replay-session.js';

const OWN = `name: own
machine: { seed: 3 }
console: { allow: [x] }
steps:
  - boot
  - shutdown
`;
const EDITED = `name: größer
machine: { seed: 3 }
control: false
steps:
  - boot
  - run: ls
  - shutdown
`;
const session: SessionFile = {
  sessionFormat: 2,
  snapback: '1.0.0',
  scenario: EDITED,
  artifacts: { kernel: 'a'.repeat(64) },
  stateHash: 'b'.repeat(64),
};

t.test('a session is a file and a link', async (t) => {
  t.same(readSession(sessionText(session)), { session });
  t.ok(isSession(sessionText(session)));
  t.notOk(isSession('{ "formatVersion": 1 }'));
  const link = linkPart(session);
  t.match(link, /^#session=[A-Za-z0-9_-]+$/, 'of characters that every program leaves alone');
  t.same(readSession(sessionTextOfLink(link) ?? ''), { session });
  const { stateHash: _, ...unrun } = session;
  t.same(readSession(sessionText(unrun)), { session: unrun });
  t.equal(sessionTextOfLink(''), undefined);
  t.equal(sessionTextOfLink('#elsewhere'), undefined);
  t.equal(scenarioOfLink(link), undefined, 'of the page as it is');
  const ofOther = linkPart(session, 'fs-all');
  t.match(ofOther, /^#scenario=fs-all&session=[A-Za-z0-9_-]+$/);
  t.same(readSession(sessionTextOfLink(ofOther) ?? ''), { session }, 'of a scenario that was chosen');
  t.equal(scenarioOfLink(ofOther), 'fs-all');
  t.equal(scenarioOfLink(scenarioPart('fs-all')), 'fs-all');
  t.equal(sessionTextOfLink(scenarioPart('fs-all')), undefined);
  for (const other of ['', '#scenario=', '#scenario=../x', '#scenario=a/b', '#scenario=a%2fb', '#elsewhere'])
    t.equal(scenarioOfLink(other), undefined, `no scenario: ${other}`);
  for (const damaged of ['#session=', '#session=*', link.slice(0, -7)])
    t.match(readSession(sessionTextOfLink(damaged) ?? ''), { problem: /^it is not JSON/ }, damaged);
  const problem = (change: object): unknown => readSession(JSON.stringify({ ...session, ...change }));
  t.same(problem({ sessionFormat: 4 }), { problem: 'its sessionFormat is 4, not 1, 2 or 3' });
  t.same(problem({ sessionFormat: undefined }), { problem: 'its sessionFormat is missing, not 1, 2 or 3' });
  t.same(problem({ snapback: 1 }), { problem: 'its snapback is no text' });
  t.same(problem({ scenario: undefined }), { problem: 'its scenario is no text' });
  for (const artifacts of [null, 'x', { kernel: 1 }])
    t.same(problem({ artifacts }), { problem: 'its artifacts are no hashes by name' });
  t.same(problem({ stateHash: 5 }), { problem: 'its stateHash is no text' });
  t.same(readSession('null'), { problem: 'its sessionFormat is missing, not 1, 2 or 3' });
  const first: SessionFile = { ...session, sessionFormat: 1 };
  t.same(readSession(sessionText(first)), { session: first }, 'a file of the format before');
});

t.test('a session of the prompt', async (t) => {
  const typed = [
    { instructions: 70, virtualMs: 7.25, base64: 'bHM=' },
    { instructions: 70, virtualMs: 1234.567890123, base64: 'DQ==' },
  ];
  const until = { instructions: 99, virtualMs: 2000.1 };
  const prompt: SessionFile = { ...session, core: 'c'.repeat(64), typed, until };
  t.same(readSession(sessionText(prompt)), { session: prompt });
  t.same(readSession(sessionTextOfLink(linkPart(prompt)) ?? ''), { session: prompt }, 'with equal counters in a link');
  t.same(readSession(JSON.stringify({ ...session, until })), { session: { ...session, typed: [], until } });
  const problem = (change: object): unknown => readSession(JSON.stringify({ ...prompt, ...change }));
  t.same(problem({ core: 1 }), { problem: 'its core is no text' });
  t.same(problem({ until: undefined }), { problem: 'it has typed, but no until' });
  t.same(problem({ stateHash: undefined }), { problem: 'it has until, but no stateHash' });
  const { stateHash: _, ...unproven } = prompt;
  t.same(readUnproven(sessionText(unproven)), { session: unproven }, 'unless that need not be known');
  for (const damaged of [null, 5, {}, { ...until, instructions: 1.5 }, { ...until, virtualMs: '2' }])
    t.same(problem({ until: damaged }), { problem: 'its until is no place of a machine' });
  for (const damaged of [
    5,
    [null],
    [{ base64: 'DQ==' }],
    [until],
    [{ ...until, base64: 'D' }],
    [{ ...until, base64: 7 }],
  ])
    t.same(problem({ typed: damaged }), { problem: 'its typed is no list of keys with their places' });
  t.same(problem({ typed: typed.toReversed() }), { problem: 'its typed is not in its order' });
  t.same(problem({ until: { ...until, virtualMs: 1000 } }), { problem: 'its typed is not in its order' });
});

t.test('a session of a machine that was taken over from a run', async (t) => {
  const within = { machine: 2, instructions: 70, virtualMs: 7.25 };
  const typed = [{ instructions: 80, virtualMs: 8, base64: 'bHM=' }];
  const until = { instructions: 99, virtualMs: 2000.1 };
  const taken: SessionFile = { ...session, sessionFormat: 3, typed, until, within };
  t.same(readSession(sessionText(taken)), { session: taken });
  t.same(readSession(sessionTextOfLink(linkPart(taken)) ?? ''), { session: taken });
  const problem = (change: object): unknown => readSession(JSON.stringify({ ...taken, ...change }));
  t.same(problem({ sessionFormat: 2 }), { problem: 'it has within, which is of sessionFormat 3' });
  t.same(problem({ typed: undefined, until: undefined }), { problem: 'it has within, but no until' });
  for (const damaged of [null, 5, until, { ...within, machine: 0.5 }, { machine: 1 }])
    t.same(problem({ within: damaged }), { problem: 'its within is no place of a machine of a run' });
  t.same(problem({ within: { ...within, virtualMs: 9 } }), { problem: 'its typed is not in its order' });
});

const planOf = (text: string): Plan => {
  const read = readScenario(text, 'x');
  if ('issues' in read) throw new Error(read.issues[0]?.message);
  const { name, machine, steps, console, control } = read.scenario;
  return { name, machine, steps, files: [], ...(console && { console }), control };
};

t.test('a scenario that was changed runs on the same machine', async (t) => {
  const plan = { ...planOf(OWN), bootCommands: ['mount'] };
  t.same(changeOf(EDITED, OWN)(plan), { ...planOf(EDITED), bootCommands: ['mount'] });
  t.same(changeOf(OWN, EDITED)(planOf(EDITED)), planOf(OWN));
  t.throws(() => changeOf(OWN.replace('boot', 'bot'), OWN), {
    exitCode: 2,
    message: /^the scenario is not valid\nscenario:5:5: /,
  });
  for (const [part, text] of [
    ['machine', OWN.replace('seed: 3', 'seed: 4')],
    ['disks', `${OWN}disks: [root]\n`],
    ['files', `${OWN}files: [{ from: x, to: /x }]\n`],
  ] as const)
    t.throws(() => changeOf(text, OWN), {
      exitCode: 2,
      message: new RegExp(`^\`${part}\` was changed`),
      remedy: /serve FILE/,
    });

  const loaded = { plan, facts: { options: { seed: 3, control: true }, scenario: {}, notes: ['n'] }, configKey: 'k' };
  const now = await changed(loaded as unknown as LoadedScenario, changeOf(EDITED, OWN), EDITED);
  t.equal(now.plan.name, 'größer');
  t.equal(now.configKey, 'k');
  t.match(now.facts, {
    scenario: { name: 'größer', file: null, sha256: /^[0-9a-f]{64}$/ },
    replay: 'npx snapback replay snapback-session.json',
    options: { seed: 3, control: false },
    notes: ['n'],
  });
});

t.test('a link is opened on the machine that it is of', async (t) => {
  const machine = (artifacts: Readonly<Record<string, string>>): LoadedMachine =>
    ({ description: { artifacts } }) as unknown as LoadedMachine;
  t.same(sessionFor(sessionText(session), machine(session.artifacts)), session);
  t.throws(() => sessionFor(sessionText(session), machine({ kernel: 'c' })), {
    message: /^the session of the link does not fit this machine, because these differ: kernel/,
  });
  const core = { ...session, core: 'd'.repeat(64) };
  const withCore = (of: string): LoadedMachine =>
    ({ description: { artifacts: session.artifacts, core: of } }) as unknown as LoadedMachine;
  t.same(sessionFor(sessionText(core), withCore(core.core)), core);
  t.same(sessionFor(sessionText(session), withCore(core.core)), session, 'one that does not name its core');
  t.throws(() => sessionFor(sessionText(core), withCore('e'.repeat(64))), {
    exitCode: 2,
    message: `the session of the link does not fit this machine, because these differ: emulator core (needed: ${'d'.repeat(12)}, present: ${'e'.repeat(12)})`,
  });
  t.throws(() => sessionFor('', machine(session.artifacts)), {
    exitCode: 2,
    message: /^the link has no session: it is not JSON/,
  });
});

t.test('what a tab has kept is taken on the machine that it is of', async (t) => {
  const { stateHash: _, ...unproven } = session;
  const until = { instructions: 5, virtualMs: 1.5 };
  const kept: SessionFile = { ...unproven, core: 'd'.repeat(64), typed: [], until };
  const of = (artifacts: SessionFile['artifacts'], core: string): LoadedMachine =>
    ({ description: { artifacts, core } }) as unknown as LoadedMachine;
  const here = of(session.artifacts, 'd'.repeat(64));
  t.same(keptFor(sessionText(kept), here), kept, 'its state need not be known');
  t.equal(keptFor(sessionText(kept), of(session.artifacts, 'e'.repeat(64))), undefined, 'of another core');
  t.equal(keptFor(sessionText(kept), of({ kernel: 'c' }, 'd'.repeat(64))), undefined, 'of another machine');
  t.equal(keptFor(sessionText(unproven), here), undefined, 'of no machine');
  t.equal(keptFor('{', here), undefined, 'damaged');
});

t.test('a session is repeated on this host', async (t) => {
  const { loaded, session: read } = await loadSession('a b.json', sessionText(session));
  t.same(read, session);
  t.equal(loaded.plan.name, 'größer');
  t.match(loaded.replay, /replay 'a b\.json'$/);
  await t.rejects(loadSession('x.json', '{ "sessionFormat": 9 }'), {
    exitCode: 2,
    message: 'x.json is no session: its sessionFormat is 9, not 1, 2 or 3',
  });
  await t.rejects(loadSession('x.json', sessionText({ ...session, scenario: 'steps: []' })), {
    exitCode: 2,
    message: /not a valid scenario/,
  });
  const report = { artifacts: { kernel: 'c'.repeat(64) }, stateHash: 'd'.repeat(64), packages: { snapback: '1.0.1' } };
  t.same(sessionDifferences(session, report), [
    `artifact 'kernel': ${'a'.repeat(16)}, now ${'c'.repeat(16)}`,
    'version of snapback: 1.0.0, now 1.0.1',
    `state: ${'b'.repeat(16)}, now ${'d'.repeat(16)}`,
  ]);
  t.same(sessionDifferences(session, { ...report, stateHash: 'b'.repeat(64) }), []);
  t.match(coreDigest(), /^[0-9a-f]{64}$/, 'each program for Node knows its core');
  const core = 'e'.repeat(64);
  t.ok(
    sessionDifferences({ ...session, core }, report, 'f'.repeat(64)).includes(
      `emulator core: ${'e'.repeat(16)}, now ${'f'.repeat(16)}`,
    ),
  );
  t.notMatch(sessionDifferences({ ...session, core }, report, core).join(), /core/);
  const { stateHash: _, ...unrun } = session;
  t.same(sessionDifferences(unrun, report), []);
  const place = { instructions: 5, virtualMs: 1.5 };
  t.same(placeDifferences(place, undefined), []);
  t.same(placeDifferences(place, { instructions: 6, virtualMs: 1.5 }), [
    'place: instruction 5, 1.5 ms, now instruction 6, 1.5 ms',
  ]);
  const { signal } = new AbortController();
  const ofPrompt = sessionText({ ...session, typed: [], until: place });
  await t.rejects(replaySession('x.json', ofPrompt, { json: '/dev/null' }, signal), {
    exitCode: 2,
    message: /^x\.json is a session in which no scenario .* no report on it$/,
  });
});
