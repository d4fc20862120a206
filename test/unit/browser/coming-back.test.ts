// SPDX-License-Identifier: MIT
/** A page that is loaded again comes back to where it was, and keeps that until it is there. */
import t from 'tap';
import { comeBack, type Following } from '../../../emulator/host/browser/session/coming-back.js';
import type { FromSession } from '../../../emulator/host/browser/session/protocol.js';

const at = { step: 1, part: 0 };
const next = { step: 2, part: 0 };
const run = { hash: '', text: 'name: x\n', at };
const inside = { machine: 1, virtualMs: 150.5 };
const prompt = { tell: 'prompt' } as FromSession;
const recall = { tell: 'recall' } as FromSession;
const failed: FromSession = { tell: 'failed', message: 'no', remedy: undefined };
const paused = (moment: typeof at): FromSession => ({ tell: 'paused', at: moment }) as FromSession;
const kept: FromSession = { tell: 'keep', kept: { session: '{}', isStanding: true } };
const lost: FromSession = { tell: 'keep', kept: undefined };

const BEGIN: Following = { send: { do: 'run', stepwise: true, text: run.text, to: at } };
const followed = (follow: (message: FromSession) => Following, ...messages: readonly FromSession[]): unknown[] =>
  messages.map((message) => follow(message));

t.test('a page that was nowhere', async (t) => {
  t.same(followed(comeBack(undefined, false), prompt, recall, kept, failed, lost, paused(at), { tell: 'alive' }), [
    {},
    {},
    { keep: 'machine' },
    {},
    { keep: 'nothing' },
    { keep: 'pause' },
    {},
  ]);
});

t.test('a run', async (t) => {
  t.same(
    followed(comeBack(run, false), prompt, recall, kept, lost, paused(at), failed),
    [BEGIN, {}, {}, {}, { keep: 'pause' }, {}],
    'what is told at the prompt does not take its place',
  );
  t.same(followed(comeBack(run, false), prompt, failed), [BEGIN, { keep: 'nothing' }], 'it cannot be had any more');
  const refused: FromSession = { tell: 'refused', message: 'no', remedy: undefined };
  t.same(followed(comeBack(run, false), prompt, refused, kept), [BEGIN, {}, { keep: 'machine' }]);
  t.same(followed(comeBack(run, false), { tell: 'verdict' } as FromSession), [{ keep: 'nothing' }]);
});

t.test('an instant of a run', async (t) => {
  const within = { ...run, within: { inside, next } };
  const goTo: Following = { send: { do: 'goTo', moment: at, inside } };
  t.same(
    followed(comeBack(within, false), prompt, paused(at), paused(next), paused(at), paused(next)),
    [BEGIN, { send: { do: 'goOn', all: false } }, goTo, { keep: 'pause' }, { keep: 'pause' }],
    'once through what is before it',
  );
  t.same(followed(comeBack(within, false), prompt, paused({ step: 4, part: 0 })), [BEGIN, { keep: 'pause' }]);
});

t.test('a machine', async (t) => {
  t.same(followed(comeBack(undefined, true), kept, prompt, recall, kept, failed), [
    {},
    {},
    {},
    { keep: 'machine' },
    {},
  ]);
  t.same(followed(comeBack(undefined, true), lost), [{ keep: 'nothing' }], 'one of another core is forgotten');
  t.same(followed(comeBack(undefined, true), kept, prompt, failed), [{}, {}, { keep: 'nothing' }]);
});
