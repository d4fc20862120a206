// SPDX-License-Identifier: MIT
import t from 'tap';
import { renderCell } from '../../../emulator/validate/text.js';
import { isVerdict } from '../../../tools/bench/validate/measure.js';
import { renderValidate, validateResult } from '../../../tools/bench/validate/result.js';
import { compared, LOST, result } from '../validate/validations.js';

t.test('a validation: times against aims, and the quotient of both ways', (t) => {
  const result = validateResult(
    [
      { firstVerdictMs: 60_000, quickMs: 310_000 },
      { firstVerdictMs: 62_000, quickMs: 320_000 },
    ],
    [{ sideBySideMs: 30_000, oneByOneMs: 57_000 }],
  );
  t.match(result, { pool: { ratio: { ofMedians: 1.9 }, met: true }, met: { firstSeconds: true, quickSeconds: false } });
  const text = renderValidate(result);
  t.match(text, /patch to the first verdict .*61\.00 s.*at most 180: met/);
  t.match(text, /the matrix quick .*315\.00 s.*at most 300: missed/);
  t.match(text, /one by one over side by side 1\.90 .*at least 1\.8: met/);
  t.end();
});

t.test('a verdict is known among what is printed', (t) => {
  for (const cell of [
    compared('one', result(), result()),
    compared('two', result(), result([LOST])),
    compared('three', result([LOST]), result()),
    compared('four', result([LOST]), result([LOST])),
    compared('five', result([], { imageBytes: 1000 }), result([], { imageBytes: 1000 })),
  ]) {
    const [first = '', ...rest] = renderCell(cell).split('\n');
    t.ok(isVerdict(first), first);
    t.notOk(rest.some(isVerdict), 'once');
  }
  t.notOk(isVerdict('  0001-x.patch: PM: hibernation: Do something'));
  t.end();
});
