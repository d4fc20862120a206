// SPDX-License-Identifier: MIT
import t from 'tap';
import { matches, patternProblem } from '../../../emulator/cycle/pattern.js';
import { nodeMatcher } from '../../../emulator/host/node/matcher.js';

const matcher = nodeMatcher();
const match = (pattern: string, text: string): Promise<boolean> => matches(pattern, text, 'the output', matcher);

t.test('anchors mean the whole text', async (t) => {
  const yes: [string, string][] = [
    ['^$', ''],
    ['^$', '\n'],
    ['^two$', 'two'],
    ['^two$', 'two\n'],
    ['^two\\n$', 'two\n'],
    ['^one\\ntwo$', 'one\ntwo\n'],
    ['two', 'one\ntwo\nthree\n'],
    ['three$', 'one\ntwo\nthree\n'],
    ['^one', 'one\ntwo\n'],
  ];
  const no: [string, string][] = [
    ['^$', 'anything\n'],
    ['^$', 'a\n\nb\n'],
    ['^$', '\n\n'],
    ['^two$', 'one\ntwo\n'],
    ['^two$', 'two\nthree\n'],
    ['^two$', 'two\n\n'],
    ['^two', 'one\ntwo\n'],
  ];
  for (const [pattern, text] of yes) t.equal(await match(pattern, text), true, `${pattern} in ${JSON.stringify(text)}`);
  for (const [pattern, text] of no) t.equal(await match(pattern, text), false, `${pattern} in ${JSON.stringify(text)}`);
});

t.test('a search without an end is given up, and the next question is answered', async (t) => {
  const hasty = nodeMatcher({ searchMsMax: 300 });
  const endless = matches('^(a+)+$', `${'a'.repeat(60)}!`, 'the output of `x`', hasty);
  const next = matches('b', 'abc', 'the output of `x`', nodeMatcher());
  await t.rejects(endless, {
    name: 'InputError',
    message:
      'the output of `x` (61 characters) cannot be searched with the pattern /^(a+)+$/: it came to no end within 0.3 s',
    remedy: /repetitions/,
  });
  t.equal(await next, true);
});

t.test('a search that is interrupted ends at once', async (t) => {
  const stop = new AbortController();
  const searching = matches('^(a+)+$', `${'a'.repeat(60)}!`, 'x', nodeMatcher({ signal: stop.signal }));
  setTimeout(() => stop.abort(new Error('enough')), 50);
  await t.rejects(searching, { message: 'enough' });
});

t.test('what is no pattern is said', (t) => {
  t.match(patternProblem('('), /[Rr]egular expression/);
  t.equal(patternProblem('^a$'), undefined);
  t.match(patternProblem('a'.repeat(200_000)), /10000 characters/);
  t.end();
});
