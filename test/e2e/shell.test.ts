// SPDX-License-Identifier: MIT
/** `snapback shell`: with a pipe, from a recording, and at a terminal. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';

interface Session {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a command; `onOutput` sees all that it has shown so far, and may type. */
function session(
  program: string,
  args: readonly string[],
  onOutput: (output: string, type: (text: string) => void, end: () => void) => void,
): Promise<Session> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
    });
    let output = '';
    const look = (): void =>
      onOutput(
        output,
        (text) => void child.stdin.write(text),
        () => void child.stdin.end(),
      );
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      look();
    });
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
    look();
  });
}

const program = [packagePath('tools', 'snapback.mjs'), 'shell'];
const once = (): ((condition: boolean, action: () => void) => void) => {
  let done = false;
  return (condition, action) => {
    if (done || !condition) return;
    done = true;
    action();
  };
};

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
