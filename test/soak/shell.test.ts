// SPDX-License-Identifier: MIT
/** How `snapback shell` ends: a program that takes no notice of the end of the input, and a machine that is turned off. */
import t from 'tap';
import { once, program, session } from '../e2e/shell-session.js';

t.test('a program that does not end with the input is given up, with the right status', async (t) => {
  const first = once();
  const { status, output } = await session(process.execPath, [...program, '--timeout', '20'], (_, type, end) =>
    first(true, () => {
      type('echo begun $((40 + 2)); vi /tmp/new\n');
      end();
    }),
  );
  t.equal(status, 1);
  t.match(output, /begun 42\r\n/);
});

t.test('a machine that is turned off ends it', async (t) => {
  const first = once();
  const { status, output } = await session(process.execPath, program, (_, type) =>
    first(true, () => type('poweroff\n')),
  );
  t.equal(status, 0);
  t.match(output, /System halted/);
});
