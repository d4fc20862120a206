// SPDX-License-Identifier: MIT
/** A client of QEMU's machine protocol (QMP): commands with bounded answers, and events. */
import { RigError } from '../../../machine/errors.js';
import { openLine } from './lines.js';

export interface Monitor {
  /** Resolves when QEMU takes commands. */
  ready(): Promise<void>;
  /**
   * Executes a command and returns its answer.
   * @throws RigError when QEMU refuses it, does not answer in time (`Unanswered`), or has ended.
   */
  ask(execute: string, options?: object): Promise<unknown>;
  /** Rejects everything that still waits for an answer, and later commands. */
  fail(error: Error): void;
  close(): void;
}

export interface MonitorEvent {
  readonly name: string;
  /** The host's time at QEMU, in ms since 1970, with microseconds. */
  readonly atMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** QEMU did not answer in time. */
export class Unanswered extends RigError {}

interface Message {
  readonly QMP?: object;
  readonly event?: string;
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number };
  readonly data?: Readonly<Record<string, unknown>>;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

export interface Waiter {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Listens at `path` for QEMU. `answerMsMax`: real time within which QEMU must answer. */
export async function openMonitor(
  path: string,
  answerMsMax: number,
  onEvent: (event: MonitorEvent) => void,
): Promise<Monitor> {
  let text = '';
  let failure: Error | undefined;
  const decoder = new TextDecoder();
  const waiting: Waiter[] = [];
  const greeting = bounded("QEMU's greeting", answerMsMax);

  const take = (message: Message): void => {
    if (message.QMP) greeting.waiter.resolve(undefined);
    else if (message.event !== undefined) {
      const { seconds = 0, microseconds = 0 } = message.timestamp ?? {};
      onEvent({ name: message.event, atMs: seconds * 1000 + microseconds / 1000, data: message.data ?? {} });
    } else if (message.error) waiting.shift()?.reject(new RigError(`QEMU refused a command: ${message.error.desc}`));
    else waiting.shift()?.resolve(message.return);
  };
  const line = await openLine(path, (bytes) => {
    const parts = (text + decoder.decode(bytes, { stream: true })).split('\n');
    text = parts.pop() ?? '';
    for (const part of parts) if (part.trim() !== '') take(JSON.parse(part) as Message);
  });
  const ask = async (execute: string, options: object = {}): Promise<unknown> => {
    if (failure) throw failure;
    const { waiter, answer } = bounded(`QEMU's answer to '${execute}'`, answerMsMax);
    waiting.push(waiter);
    line.send(Buffer.from(`${JSON.stringify({ execute, arguments: options })}\n`));
    return answer;
  };
  return {
    async ready() {
      await greeting.answer;
      await ask('qmp_capabilities');
    },
    ask,
    fail(error) {
      failure ??= error;
      for (const { reject } of [greeting.waiter, ...waiting.splice(0)]) reject(failure);
    },
    close() {
      // QEMU may never have been started. The wait for it would keep the process of the rig from its end.
      greeting.waiter.reject(new RigError('the connection to QEMU is closed'));
      line.close();
    },
  };
}

/** An answer that is awaited for a limited real time. */
export function bounded(what: string, msMax: number): { readonly waiter: Waiter; readonly answer: Promise<unknown> } {
  let waiter: Waiter | undefined;
  const answer = new Promise<unknown>((resolve, reject) => {
    const late = (): void =>
      reject(new Unanswered(`${what} did not come within ${msMax / 1000} s`, { remedy: 'give the host less to do' }));
    const timer = setTimeout(late, msMax);
    waiter = {
      resolve(value) {
        clearTimeout(timer);
        resolve(value);
      },
      reject(error) {
        clearTimeout(timer);
        reject(error);
      },
    };
  });
  // The caller awaits it, perhaps later.
  answer.catch(() => undefined);
  return { waiter: waiter as unknown as Waiter, answer };
}
