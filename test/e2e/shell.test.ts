// SPDX-License-Identifier: MIT
/** `snapback shell`: with a pipe, from a recording, and at a terminal. The soak has other ways in which it ends. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { once, program, session } from './shell-session.js';

t.test(
  'what a pipe types is done to its end, with programs that read on and sleep; a recording does it again',
  async (t) => {
    const recording = join(t.testdir({}), 'typed');
    const first = once();
    const piped = await session(process.execPath, [...program, '--record', recording], (_, type, end) =>
      first(true, () => {
        type('sleep 5; echo slept $((40 + 2))\ncat > /tmp/read\nread on\n');
        end();
      }),
    );
    t.equal(piped.status, 0);
    t.match(piped.output, /slept 42\r\n/);
    t.match(piped.output, /cat > \/tmp\/read\r\n[^]*# $/m, 'cat met the end of the input');
    t.match(await readFile(recording, 'utf8'), /^\d+ 0d\n\d+ [0-9a-f]+\n/);

    // The pipe stays open and silent.
    const played = await session(process.execPath, [...program, '--play', recording], () => undefined);
    t.equal(played.status, 0);
    t.match(played.output, /slept 42\r\n/);
  },
);

t.test('at a terminal: keys go to the guest, Ctrl-C too, and Ctrl-] quits', { timeout: 120_000 }, async (t) => {
  // Each once: keys that come after the end are echoed by the terminal, and an answer to that echo would be echoed again, for ever.
  const [prompted, interrupted, answered, quit] = [once(), once(), once(), once()];
  const recording = join(t.testdir({}), 'typed');
  // script(1) gives the command a terminal; it is part of every Debian.
  const line = `stty rows 33 columns 99; ${[process.execPath, ...program, '--record', recording].map((word) => `'${word}'`).join(' ')}`;
  const { status, output } = await session('script', ['-q', '-e', '-c', line, '/dev/null'], (seen, type) => {
    prompted(/# $/.test(seen), () => type('echo started; sleep 1000; echo $?\r'));
    interrupted(/\nstarted\r*\n/.test(seen), () => type('\u0003'));
    answered(/\^C\r*\n[^]*# $/.test(seen), () => type('echo at the $((40 + 2)) keys; stty size\r'));
    quit(/at the 42 keys\r*\n\d+ \d+/.test(seen), () => type('\u001d'));
  });
  t.equal(status, 0);
  t.match(output, /at the 42 keys\r*\n33 99\r*\n/, 'the console is as large as the terminal');

  t.match(await readFile(recording, 'utf8'), /^size 33 99\n\d+ 0d\n/);
  const played = await session(process.execPath, [...program, '--play', recording], () => undefined);
  t.equal(played.status, 0);
  t.match(played.output, /at the 42 keys\r\n33 99\r\n/, 'a recording has that size without a terminal');
});
