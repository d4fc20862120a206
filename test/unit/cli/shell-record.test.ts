// SPDX-License-Identifier: MIT
/** The keys that somebody typed are recorded, however the machine ends. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readTyping, type Keystrokes } from '../../../emulator/cycle/typing.js';
import type { Machine } from '../../../emulator/machine/contract.js';
import { RigError, StallError } from '../../../emulator/machine/errors.js';
import { TwoFailures } from '../../../tools/cli/failure.js';
import { converse, withRecording } from '../../../tools/cli/shell.js';

const KEYS = Uint8Array.of(0x6c, 0x73, 0x0d);
const death = new StallError(60_000, undefined);
/** A machine that dies of the first keys that it gets. */
const mortal = { run: () => Promise.reject(death) } as unknown as Machine;

const session = (file: string, typing: Keystrokes[]): Promise<void> =>
  withRecording(file, { size: { rows: 3, columns: 4 }, typing }, async () => {
    const terminal = { onConsole: () => undefined, signal: new AbortController().signal };
    await converse(mortal, 700, [KEYS], (keys) => typing.push(keys), terminal);
  });

t.test('a machine that dies while the user types leaves the recording', async (t) => {
  const file = join(t.testdir({}), 'typed');
  const before = { instruction: 500, bytes: Uint8Array.of(0x0d) };
  await t.rejects(session(file, [before]), death);
  const { size, typing } = readTyping(await readFile(file, 'utf8')) as Exclude<
    ReturnType<typeof readTyping>,
    { readonly badLine: number }
  >;
  t.same(size, { rows: 3, columns: 4 });
  t.same(
    typing.map(({ instruction, bytes }) => [instruction, [...bytes]]),
    [
      [500, [0x0d]],
      [700, [...KEYS]],
    ],
  );
});

t.test('a recording that cannot be written does not hide why the machine died', async (t) => {
  const error: unknown = await session('/dev/full', []).catch((thrown: unknown) => thrown);
  t.ok(error instanceof TwoFailures && error.first === death && error.second instanceof RigError);
});
