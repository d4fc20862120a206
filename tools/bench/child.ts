// SPDX-License-Identifier: MIT
/** Runs measurements in child processes: starts this bundle again and talks to it by Node's messages. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describeFailure } from '../cli/failure.js';
import { RigError } from '../../emulator/machine/errors.js';

/** First argument of a process that is such a child; the second names its service. */
export const CHILD = '--measure';

export interface Child<Question, Answer> {
  ask(question: Question): Promise<Answer>;
  /** Asks the child to end, and waits for its end. */
  end(): Promise<void>;
}

type FromChild<Answer> = { readonly answer: Answer } | { readonly failure: string };

/** Starts the service `name`. It ends with `signal`, and when this process does. */
export function startChild<Question extends object, Answer>(
  name: string,
  signal: AbortSignal,
): Child<Question, Answer> {
  signal.throwIfAborted();
  const child = fork(fileURLToPath(import.meta.url), [CHILD, name], { execArgv: [], serialization: 'advanced' });
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, killedBy) => resolve(killedBy ?? `status ${String(status)}`));
  });
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        void ended.then((how) =>
          reject(
            signal.aborted
              ? (signal.reason as Error)
              : new RigError(`the process that measures ${name} ended (${how})`),
          ),
        );
        child.once('message', (message: FromChild<Answer>) => {
          if ('answer' in message) resolve(message.answer);
          else reject(new RigError(`measuring ${name} failed: ${message.failure}`));
        });
        child.send(question);
      }),
    async end() {
      disconnect(child);
      await ended;
      signal.removeEventListener('abort', kill);
    },
  };
}

/** A child for one question. Also returns the time from its start to its end, in ms. */
export async function askOnce<Question extends object, Answer>(
  name: string,
  question: Question,
  signal: AbortSignal,
): Promise<{ readonly answer: Answer; readonly processMs: number }> {
  const startMs = performance.now();
  const child = startChild<Question, Answer>(name, signal);
  try {
    const answer = await child.ask(question);
    await child.end();
    return { answer, processMs: performance.now() - startMs };
  } finally {
    await child.end();
  }
}

/** In the child: answers the parent's questions one at a time, until the parent disconnects. */
export function serveParent<Question, Answer>(answer: (question: Question) => Promise<Answer>): void {
  process.on('message', (question: Question) => {
    answer(question).then(
      (value) => process.send?.({ answer: value }),
      (error: unknown) => process.send?.({ failure: describeFailure(error).message }),
    );
  });
  // Nobody can use the result of unfinished work then.
  process.once('disconnect', () => process.exit());
  // The terminal sends Ctrl-C to all of its processes; only the parent reacts.
  process.on('SIGINT', () => undefined);
}

function disconnect(child: ChildProcess): void {
  if (child.connected) child.disconnect();
}
