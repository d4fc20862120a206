// SPDX-License-Identifier: MIT
/** What names, commands and guests say cannot change what a report says: the formats are read back by others' parsers. */
import t from 'tap';
import type { CommandOutcome } from '../../../emulator/cycle/outcome.js';
import { commandLines } from '../../../emulator/report/commands.js';
import { printable, printableLine } from '../../../emulator/report/escape.js';
import { renderJunit, renderKtap } from '../../../emulator/report/machine-readable.js';
import type { Report } from '../../../emulator/report/model.js';
import { renderText } from '../../../emulator/report/text.js';
import { reportWith } from './reports.js';
import { parseKtap, parseJunit, type XmlElement } from './readers.js';

/** Every code point that is no ordinary character, halves of surrogate pairs among them, and what formats give a meaning. */
const HOSTILE = [
  ...Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)),
  '\u200e\u2028\u2029\u202e\u2066\ufeff\ufdd0\ufffd\ufffe\uffff\ud800x\udfff',
  ' # SKIP # TODO ]]> <!-- & < > " \' {{ \u{1f600}\u{1ffff}',
].join('');

const named = (name: string, failed = true): Report => {
  const report = reportWith(
    failed ? [{ kind: 'command', what: HOSTILE, details: [HOSTILE, 'Subtest: forged', 'ok 1 forged'] }] : [],
  );
  const command: CommandOutcome = {
    timeline: 'main',
    command: HOSTILE,
    end: 'exited',
    exitCode: 1,
    stdout: HOSTILE,
    stderr: HOSTILE,
    omittedCharacters: { stdout: 0, stderr: 0 },
    startVirtualMs: 1,
    durationVirtualMs: 1,
  };
  return {
    ...report,
    commands: [command],
    scenario: { ...report.scenario, name },
    replay: `npx snapback run ${HOSTILE}`,
  };
};

t.test('KTAP: a name is a name', (t) => {
  const names = ['x # SKIP', 'x # TODO later', 'x\nok 2 forged', 'x\r\nok 2 forged', '# SKIP', '', HOSTILE];
  const points = parseKtap(renderKtap(names.map((name) => named(name))));
  t.equal(points.length, names.length);
  for (const { ok, directive, points: proofs } of points) {
    t.equal(ok, false);
    t.equal(directive, undefined);
    t.equal(proofs.at(-1)?.ok, false);
  }
  t.equal(points[0]?.name, 'x \\x23 SKIP');
  t.equal(points[2]?.name, 'x\\nok 2 forged');
  t.end();
});

const find = (element: XmlElement, name: string): readonly XmlElement[] => [
  ...(element.name === name ? [element] : []),
  ...element.children.flatMap((child) => find(child, name)),
];

t.test('JUnit: well-formed whatever is in it', (t) => {
  const root = parseJunit(renderJunit([named(HOSTILE), named('plain', false)]));
  t.equal(find(root, 'testsuite').length, 2);
  t.match(find(root, 'system-out')[0]?.text, /stderr \| .*\\u\{feff\}/);
  const [failure, more] = find(root, 'failure');
  t.equal(more, undefined);
  t.match(failure?.attributes['message'], ` # SKIP # TODO ]]> <!-- & < > " ' {{ \u{1f600}`);
  t.match(failure?.attributes['message'], /\t\n\\x0b/, 'newlines and tabs are kept in an attribute');
  t.match(failure?.text, '\\u{ffff}\\u{d800}x\\u{dfff}');
  for (const character of ['\uffff', '\ufffe', '\u0000', '\u001b', '\ud800'])
    t.ok(parseJunit(renderJunit([named(`a${character}b`)])), `with ${JSON.stringify(character)}`);
  t.end();
});

t.test('a scenario without a verdict: nothing in its name or in the error is obeyed', (t) => {
  const result = {
    name: HOSTILE,
    reason: `${HOSTILE}\nok 1 forged`,
    details: [HOSTILE, 'Subtest: forged', 'ok 1 forged'],
  };
  const points = parseKtap(renderKtap([result, named('plain', false)]));
  t.same(
    points.map(({ ok, directive }) => [ok, directive]),
    [
      [false, undefined],
      [true, undefined],
    ],
  );
  const root = parseJunit(renderJunit([result, named('plain', false)]));
  t.equal(find(root, 'testsuite').length, 2);
  const [error, more] = find(root, 'error');
  t.equal(more, undefined);
  t.match(error?.attributes['message'], /^no verdict: \\x00\\x01[^]*\nok 1 forged$/);
  t.match(error?.text, / # SKIP # TODO \]\]> <!-- & < > " '[^]*\nSubtest: forged\nok 1 forged$/);
  t.equal(root.attributes['errors'], '1');
  t.end();
});

t.test('JUnit: one failure in a case, with all that failed', (t) => {
  const root = parseJunit(
    renderJunit([
      reportWith([
        { kind: 'command', what: 'first', details: ['a', 'b'] },
        { kind: 'kernelFault', what: 'second', details: ['c'], remedy: 'mend it' },
        { kind: 'memory', what: 'third', details: [] },
      ]),
    ]),
  );
  const cases = find(root, 'testcase').map((one) =>
    one.children.map(({ attributes, text }) => [attributes['message'], text]),
  );
  t.same(
    cases.filter((failures) => failures.length > 0),
    [
      [['third', 'replay: npx snapback run x.yaml --seed 1']],
      [
        [
          'first; second',
          'first\n    a\n    b\nsecond\n    c\n    what to do: mend it\nreplay: npx snapback run x.yaml --seed 1',
        ],
      ],
    ],
  );
  t.equal(root.attributes['failures'], '2');
  t.end();
});

t.test('the text for people: no controls, and no lines without an end', (t) => {
  const text = renderText(named(HOSTILE), { colour: false });
  t.notMatch(text, /[^\n\t\P{Cc}]|[\u2028\u2029\u202e\u2066\uffff]|\p{Cs}/u);
  t.notMatch(named('x').commands.flatMap(commandLines).join('\n'), /[^\n\t\P{Cc}]|\p{Cs}/u, 'commands by themselves');
  t.match(text, /^FAIL {2}\\x00\\x01/);
  t.match(text, /\\x1b/);
  const long = renderText(reportWith([{ kind: 'command', what: 'x', details: ['y'.repeat(1e6)] }]), { colour: false });
  t.ok(long.length < 2000);
  t.match(long, /\.\.\. and 999,600 more characters/);
  t.end();
});

t.test('JSON is read back as it was', (t) => {
  const report = named(HOSTILE);
  t.same(JSON.parse(Buffer.from(JSON.stringify(report)).toString()), report);
  t.end();
});

t.test('what is escaped, and how', (t) => {
  t.equal(
    printable('a\tb\nc\r\u001b[31m\u007f\u0085\u202e\uffff\ud800 é 😀'),
    'a\tb\nc\\r\\x1b[31m\\x7f\\x85\\u{202e}\\u{ffff}\\u{d800} é 😀',
  );
  t.equal(printableLine('a\nb'), 'a\\nb');
  const codes = Array.from({ length: 0x110000 }, (_, code) => String.fromCodePoint(code));
  const kept = (all: RegExp): readonly string[] =>
    codes.filter((one) => all.test(one) && printable(one) === one).map((one) => one.codePointAt(0)?.toString(16) ?? '');
  t.same(kept(/[\p{Bidi_Control}\p{Noncharacter_Code_Point}\p{Cs}\p{Zl}\p{Zp}]/u), []);
  t.same(kept(/\p{Cc}/u), ['9', 'a']);
  t.same(
    kept(/\p{Cf}/u),
    ['600', '601', '602', '603', '604', '605', '6dd', '70f', '890', '891', '8e2', '200c', '200d', '110bd', '110cd'],
    'signs that enclose numbers, and joiners',
  );
  t.end();
});
