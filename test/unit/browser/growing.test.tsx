// SPDX-License-Identifier: MIT
/** The verdict of a run while it is worked out, as text and on the page. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import type { Collected } from '../../../emulator/cycle/evidence.js';
import type { Finding } from '../../../emulator/cycle/outcome.js';
import { growingText, NOTHING_COLLECTED } from '../../../emulator/host/browser/session/growing.js';
import { next, START } from '../../../emulator/host/browser/session/state.js';
import { Proofs } from '../../../emulator/host/browser/views/proofs.js';
import type { Report } from '../../../emulator/report/model.js';
import { renderText } from '../../../emulator/report/text.js';
import { contextWith, reportWith, timeline } from '../report/reports.js';

const machine = {
  number: 1,
  startVirtualMs: 1200,
  virtualMs: 2000,
  instructions: 1_600_000_000,
  markers: [],
  writes: [],
};
const lost: Finding = { kind: 'memory', what: 'a page differs', details: ['page 7'] };
const whole = timeline();
const [cycle] = whole.cycles as readonly [Collected['cycles'][number]];

t.test('the verdict has one row more after each proof, and its last rows in the end', async (t) => {
  const parts: readonly Partial<Collected>[] = [
    {},
    { cycles: [{ ...cycle, image: undefined, disk: undefined }] },
    { cycles: [{ ...cycle, disk: undefined }] },
    { cycles: [cycle] },
    { cycles: [cycle], filesystems: whole.filesystems },
    { cycles: [cycle], filesystems: whole.filesystems, selfChecks: whole.selfChecks },
  ];
  const rowsOf = (text: string): readonly string[] => text.split('\n').filter((line) => /^ {2}\w/.test(line));
  const texts = parts.map((more) =>
    growingText({ collected: { ...NOTHING_COLLECTED, ...more }, findings: [], machines: [machine] }, contextWith()),
  );
  t.match(
    texts[0],
    /^\.\.\.\. {2}stock suspend & resume\n {6}Linux [^\n]* · seed 1\n/,
    'nothing has been suspended yet',
  );
  t.match(texts[1], / · seed 1 · swsusp · 1 cycle · off for 60 min\n/);
  const labels = (text: string): readonly string[] => rowsOf(text).map((row) => row.trim().split(/\s/)[0] ?? '');
  t.same(texts.map(labels), [
    ['run'],
    ['memory', 'frozen', 'run'],
    ['memory', 'image', 'frozen', 'run'],
    ['memory', 'image', 'disk', 'frozen', 'run'],
    ['memory', 'image', 'disk', 'filesystems', 'frozen', 'run'],
    ['memory', 'image', 'disk', 'filesystems', 'self-checks', 'frozen', 'run'],
  ]);
  const last = rowsOf(renderText(reportWith([], { control: undefined }), { colour: false }));
  for (const text of texts.slice(1))
    t.same(
      rowsOf(text).filter((row) => !/^ {2}run/.test(row) && !last.includes(row)),
      [],
    );
  t.ok(last.includes(rowsOf(texts.at(-1) ?? '').at(-1) ?? 'none'), 'the totals of all machines are those of the run');
  t.notMatch(texts.join('\n'), /replay:|^ {2}state/m, 'without what is known at the end only');
});

t.test('what has been found is there at once', async (t) => {
  const text = growingText({ collected: NOTHING_COLLECTED, findings: [lost], machines: [] }, contextWith());
  t.match(text, /^\.\.\.\. .*\n\n {2}failure memory: a page differs\n {6}page 7$/s);
});

t.test('the page shows it in the place of the verdict', async (t) => {
  const running = next(START, { tell: 'running', again: undefined });
  t.equal(renderToString(<Proofs {...running} />), '');
  const grown = next(next(running, { tell: 'finding', finding: lost }), { tell: 'growing', text: '.... a' });
  const view = renderToString(<Proofs {...grown} />);
  t.match(
    view,
    /<pre id="growing" class="growing" tabindex="0" aria-label="verdict, while it is worked out">\.\.\.\. a<\/pre>/i,
  );
  t.match(view, /<ul class="unseen" aria-live="polite"><li>memory: a page differs<\/li><\/ul>/);
  const report = { verdict: 'fail', stateHash: 'f00d', replay: 'x' } as unknown as Report;
  const session = { sessionFormat: 1, snapback: '1', scenario: 'name: x\n', artifacts: {} } as const;
  const over = next(grown, { tell: 'verdict', report, places: [], text: 'FAIL a', session, expected: undefined });
  t.equal(over.growing, undefined);
  t.match(renderToString(<Proofs {...over} />), /<pre id="verdict" class="fail"[^>]*>FAIL a<\/pre>/);
  t.notMatch(renderToString(<Proofs {...over} />), /growing|unseen/);
  t.equal(next(grown, { tell: 'running', again: undefined }).growing, undefined, 'another run begins with nothing');
});
