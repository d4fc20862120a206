// SPDX-License-Identifier: MIT
/** Long tests are found by their names. */
import t from 'tap';
import { InputError } from '../../../emulator/machine/errors.js';
import { testName, testsNamed } from '../../../tools/soak/tests.js';
import { testFiles } from '../../../tools/test-files.mjs';

t.test('all of them, some of them, and one that is not there', (t) => {
  const all = testFiles('test/soak');
  t.same(testsNamed([]), all);
  t.equal(new Set(all.map(testName)).size, all.length, 'each has a name of its own');
  t.same(testsNamed(['reproducible', 'debug-kernel']), [
    'test/soak/reproducible.test.ts',
    'test/soak/debug-kernel.test.ts',
  ]);
  t.throws(() => testsNamed(['cycles']), {
    constructor: InputError,
    message: "there is no long test 'cycles'",
    remedy: /debug-kernel/,
  });
  t.end();
});
