// SPDX-License-Identifier: MIT
import t from 'tap';
import {
  byteSize,
  checked,
  choice,
  defaulted,
  dictionary,
  duration,
  integer,
  list,
  loadYaml,
  mapping,
  optional,
  readYaml,
  renderIssues,
  required,
  text,
  truth,
  word,
  writeDuration,
} from '../../../emulator/yaml/index.js';

const disk = mapping({
  size: required(byteSize()),
  label: optional(text('a name of letters', /^[a-z]+$/)),
  journal: defaulted(truth(), true),
  kind: defaulted(word('ext4', 'xfs', 'btrfs'), 'ext4'),
  partitions: defaulted(list(mapping({ number: required(integer(1, 4)) })), []),
});

function issuesOf(source: string, shape = disk as Parameters<typeof readYaml>[2]) {
  const result = readYaml(source, 'a.yaml', shape);
  return 'issues' in result ? result.issues : [];
}

t.test('a good file is read into typed values, with defaults', async (t) => {
  const result = readYaml('size: 64 MiB\npartitions:\n  - number: 2\n', 'a.yaml', disk);
  t.ok('value' in result);
  if ('value' in result) {
    t.strictSame(result.value, {
      size: 64 * 2 ** 20,
      label: undefined,
      journal: true,
      kind: 'ext4',
      partitions: [{ number: 2 }],
    });
    const { line, col } = result.source.issue('badValue', ['partitions', 0, 'number'], 'm');
    t.strictSame([line, col], [3, 13]);
  }
});

t.test('everything wrong is told at once, each at its place, with a caret', async (t) => {
  const issues = issuesOf('siez: 64 MiB\nlabel: A1\npartitions:\n  - number: 9\n    extra: 1\nkind: etx4\n');
  t.strictSame(
    issues.map(({ code, line, col }) => `${code} ${line}:${col}`),
    ['unknownKey 1:1', 'missingKey 1:1', 'badValue 2:8', 'badValue 6:7', 'unknownKey 5:5', 'badValue 4:13'],
  );
  t.match(issues[0]?.message, "did you mean 'size'?");
  t.equal(issues[0]?.excerpt, 'siez: 64 MiB\n^^^^');
  t.match(issues[3]?.message, "did you mean 'ext4'?");
  t.match(renderIssues(issues), /^a\.yaml:1:1: unknown key 'siez'.*\n {4}siez: 64 MiB\n {4}\^\^\^\^$/m);
});

t.test('an empty value counts as absent', async (t) => {
  t.match(issuesOf('size:\n'), [{ code: 'missingKey', line: 1, col: 1 }]);
});

t.test('what is no YAML, or more than one, is refused', async (t) => {
  const syntax = (source: string) => {
    const result = loadYaml(source, 'a.yaml');
    return 'issues' in result ? result.issues.map(({ code, line, col }) => `${code} ${line}:${col}`) : [];
  };
  t.strictSame(syntax(''), ['syntax 1:1']);
  t.strictSame(syntax('a: 1\na: 2\n'), ['syntax 2:1']);
  t.strictSame(syntax('a: [1\n').length > 0, true);
  t.strictSame(syntax('a: 1\n---\nb: 2\n'), ['syntax 2:1']);
  t.strictSame(syntax('a: *nowhere\n'), ['syntax 1:4']);
});

t.test('an alias within what it names is refused where it stands', async (t) => {
  const issues = (source: string) => {
    const result = loadYaml(source, 'a.yaml');
    return 'issues' in result ? result.issues : [];
  };
  t.match(issues('name: x\nsteps: &all\n  - boot\n  - repeat: { times: 2, steps: *all }\n'), [
    { code: 'syntax', line: 4, col: 32, message: /'\*all' is inside the value that it refers to/ },
  ]);
  t.match(issues('a: &a [&b [*a], *b]\n'), [{ line: 1, col: 12 }]);
  t.same(issues('a: &a [1]\nb: [*a, *a]\n'), [], 'other aliases are as good as ever');
  const laughs = ['a: &a0 [lol]', ...Array.from({ length: 9 }, (_, n) => `b${n}: &a${n + 1} [${`*a${n},`.repeat(9)}]`)];
  t.match(issues(laughs.join('\n')), [{ line: 2, col: 10, message: /[Aa]lias/ }]);
  t.match(issues(`a: ${'['.repeat(5000)}${']'.repeat(5000)}`)[0]?.message, /nested too deeply/);
});

t.test('what is no text for people is not shown to them', async (t) => {
  const one = loadYaml(`name: x\n${'\u0000\u001b[2J'.repeat(1e5)}`, 'a.yaml');
  if (!('issues' in one)) throw new Error('it was read');
  t.match(one.issues, [{ code: 'syntax', line: 2, col: 1 }]);
  const shown = renderIssues(one.issues);
  t.match(shown, /^a\.yaml:2:1: \\x00 is a character that a YAML file may not contain\n {4}\\x00\\x1b\[2J/);
  t.match(shown, /\.\.\.\n {4}\^\^\^\^$/, 'the line is cut short, and all of the character is marked');
  t.ok(shown.length < 2000);
  for (const character of ['\u0001', '\u007f', '\uffff', '\ud800'])
    t.match(loadYaml(`a: ${character}\n`, 'a.yaml'), { issues: [{ line: 1, col: 4 }] });
  t.notOk('issues' in loadYaml('\ufeffa: "é \u0085 😀"\n', 'a.yaml'));
});

t.test('of many issues the first twenty are shown, and how many there are', async (t) => {
  const issues = issuesOf(Array.from({ length: 2000 }, (_, n) => `k${n}: "${'x'.repeat(20)}\\e[1m"`).join('\n'));
  const shown = renderIssues(issues).split('\n');
  t.match(shown.at(-1), 'and 1981 more');
  t.equal(shown.length, 20 * 3 + 1);
  t.match(renderIssues(issuesOf('siez: "\\x1b[2J"\nsize: "\\x1b[2J"\n')), /not '\\x1b\[2J'/);
  const [far] = issuesOf(`size: 1 MiB\nlabel: ${'a'.repeat(5000)}\u00e91\n`);
  t.ok((far?.excerpt.length ?? 1e9) < 1000);
});

t.test('carriage returns and tabs do not shift the caret', async (t) => {
  const [issue] = issuesOf('size:\t64 MB\r\nlabel: a\r\n');
  t.equal(issue?.excerpt, 'size:\t64 MB\n     \t^^^^^');
});

t.test('wrong types', async (t) => {
  t.match(issuesOf('- 1\n'), [{ code: 'wrongType', message: /a mapping is wanted here, not a list/ }]);
  t.match(issuesOf('size: 64 MiB\npartitions: 3\n'), [{ code: 'wrongType', line: 2, col: 13 }]);
  t.match(issuesOf('size: 64 MiB\njournal: {}\n'), [{ code: 'wrongType', line: 2, col: 10 }]);
  t.match(issuesOf('size: 64 MiB\njournal: yes\n'), [
    { code: 'badValue', message: /true or false is wanted here, not 'yes'/ },
  ]);
});

t.test('sizes and durations need a unit and must come out whole', async (t) => {
  for (const bad of ['64', '64 MB', '-1 MiB', '1.0001 KiB', '64  MiB', '1 toString'])
    t.equal(issuesOf(`size: ${bad}\n`).length, 1, bad);
  const time = mapping({ t: required(duration()) });
  const read = (value: string) => readYaml(`t: ${value}\n`, 'a.yaml', time);
  t.match(read('1.5 h'), { value: { t: 5_400_000 } });
  t.match(read('250ms'), { value: { t: 250 } });
  t.same([0, 250, 90_000, 5_400_000, 7_200_000, 864e5].map(writeDuration), [
    '0 ms',
    '250 ms',
    '90 s',
    '90 min',
    '2 h',
    '1 d',
  ]);
});

t.test('a choice is one key, or a bare word', async (t) => {
  const steps = list(choice({ run: text(), wait: mapping({ ms: defaulted(integer(0, 10), 7) }) }));
  t.match(readYaml('- run: ls\n- wait\n- wait: {ms: 3}\n', 'a.yaml', steps), {
    value: [
      { kind: 'run', value: 'ls' },
      { kind: 'wait', value: { ms: 7 } },
      { kind: 'wait', value: { ms: 3 } },
    ],
  });
  const codes = (source: string) =>
    issuesOf(source, steps).map(({ code, line, col, message }) => `${code} ${line}:${col} ${message}`);
  t.match(codes('- rnu: ls\n'), [/^unknownKey 1:3 .*did you mean 'run'/]);
  t.match(codes('- wiat\n'), [/^unknownKey 1:3 .*did you mean 'wait'/]);
  t.match(codes('- run: a\n  wait: b\n'), [/^badValue 1:3 .*not both 'run' and 'wait'/]);
});

t.test('dictionaries keep odd names, checks see sound values only', async (t) => {
  const shape = dictionary(checked(integer(0, 9), (n) => (n === 5 ? 'five is out' : undefined)));
  t.match(readYaml('__proto__: 1\nb: 2\n', 'a.yaml', shape), {
    value: Object.fromEntries([
      ['__proto__', 1],
      ['b', 2],
    ]),
  });
  t.match(issuesOf('a: 5\nb: x\n', shape), [
    { message: 'five is out', line: 1 },
    { code: 'badValue', line: 2 },
  ]);
});

t.test('values behind an alias are placed where the alias leads', async (t) => {
  const shape = mapping({
    a: required(mapping({ n: required(integer(0, 1)) })),
    b: required(mapping({ n: required(integer(2, 3)) })),
  });
  t.match(issuesOf('a: &x\n  n: 1\nb: *x\n', shape), [{ code: 'badValue', line: 2, col: 6 }]);
});
