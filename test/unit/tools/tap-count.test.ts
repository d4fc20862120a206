// SPDX-License-Identifier: MIT
import t from 'tap';
import { countTap } from '../../../tools/tap-count.mjs';

t.test('leaves count, and what closes a subtest does not', (t) => {
  t.same(countTap(0, 'TAP version 14\n    ok 1 - a\n        ok 1 - b\n    ok 2 - of b\nok 1 - of all\n1..1\n'), {
    pass: 2,
    fail: 0,
    skip: 0,
    skips: [],
  });
  t.same(countTap(1, '    ok 1 - a\n    not ok 2 - b\nnot ok 1 - of all\n'), { pass: 1, fail: 1, skip: 0, skips: [] });
  t.match(countTap(1, 'ok 1 - a\n'), { fail: 1 }, 'a failure that no point shows');
  t.match(countTap(1, '        ok 1 - a\n    not ok 1 - timeout\nnot ok 1 - file\n'), { fail: 1 });
  t.end();
});

t.test('skips are told with their reasons; one that a description speaks of is none', (t) => {
  t.same(countTap(0, 'ok 1 - a # SKIP no tool\nok 2 - says ok 6 cgroup \\# SKIP no cgroup2\nok 3 # TODO later\n'), {
    pass: 1,
    fail: 0,
    skip: 2,
    skips: ['a # SKIP no tool', '# TODO later'],
  });
  t.end();
});
