// SPDX-License-Identifier: MIT
/** A command at work: what it shows, and what is typed. */
import { spawn } from 'node:child_process';
import { packagePath } from '../../emulator/host/node/paths.js';

/** How a command has ended. */
export interface Session {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a command; `onOutput` sees all that it has shown so far, and may type. */
export function session(
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

/** The arguments of Node that open a shell. */
export const program = [packagePath('tools', 'snapback.mjs'), 'shell'];
/** Makes a function that does what it is given when its condition is met first, and nothing from then on. */
export const once = (): ((condition: boolean, action: () => void) => void) => {
  let done = false;
  return (condition, action) => {
    if (done || !condition) return;
    done = true;
    action();
  };
};
