// SPDX-License-Identifier: MIT
import t from 'tap';
import { InputError } from '../../../emulator/machine/errors.js';
import { HELP, readOptions } from '../../../tools/bench/options.js';

t.test('without options all parts are measured', (t) => {
  t.same(readOptions([]), {
    help: false,
    json: undefined,
    parts: ['boot', 'cycle', 'snapshot', 'walk', 'walk-qemu', 'engines', 'memory', 'page', 'validate'],
    turns: 5,
  });
  t.end();
});

t.test('options', (t) => {
  t.same(readOptions(['--json', 'a.json', '--turns', '2', '--only', 'memory,boot']), {
    help: false,
    json: 'a.json',
    parts: ['boot', 'memory'],
    turns: 2,
  });
  t.ok(readOptions(['-h']).help);
  for (const option of ['--json', '--turns', '--only']) t.match(HELP, option);
  t.end();
});

t.test('what cannot be is refused with what could', (t) => {
  for (const args of [
    ['--turns', '0'],
    ['--turns', '1.5'],
    ['--turns', 'many'],
    ['--only', 'boots'],
    ['--fast'],
    ['file.json'],
    ['--json'],
  ]) {
    t.throws(() => readOptions(args), InputError, args.join(' '));
  }
  t.throws(
    () => readOptions(['--only', 'boots']),
    new InputError("there is no part 'boots'", {
      remedy: 'the parts are boot, cycle, snapshot, walk, walk-qemu, engines, memory, page',
    }),
  );
  t.end();
});
