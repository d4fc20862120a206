// SPDX-License-Identifier: MIT
/** Headless Firefox, driven by WebDriver BiDi. */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { RigError } from '../../emulator/machine/errors.js';
import { HOST_MS_MAX, poll, type DrivenBrowser, type DrivenPage } from './driven-page.js';
import { connectText } from './websocket.js';

const PROGRAM = 'firefox-esr';
/** Of Firefox, on stderr. */
const LISTENS = /^WebDriver BiDi listening on ws:\/\/(\S+)$/;
/** Until it ends by itself. */
const END_MS_MAX = 10_000;

type Values = Readonly<Record<string, unknown>>;

/** Sends a command of the protocol, and answers its result. @throws Error with what Firefox says. */
type Send = (method: string, params: Values) => Promise<Values>;

/** Starts it with a new profile. @throws RigError when it cannot be started. */
export async function openFirefox(): Promise<DrivenBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'snapback-firefox-'));
  // A group of its own: Firefox is several processes.
  const program = spawn(PROGRAM, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => program.once('close', () => resolve()).once('error', () => resolve()));
  const kill = (): void => {
    try {
      if (program.pid !== undefined) process.kill(-program.pid, 'SIGKILL');
    } catch (error) {
      // All of the group have ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  // An interrupted program closes nothing.
  const leave = (): void => {
    kill();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', leave);
  const remove = async (): Promise<void> => {
    kill();
    await ended;
    process.off('exit', leave);
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const address = await new Promise<string>((resolve, reject) => {
      const fail = (why: string, cause?: unknown): void =>
        reject(new RigError(`${PROGRAM} cannot be driven: ${why}`, { cause, remedy: `try \`${PROGRAM} --headless\`` }));
      const timer = setTimeout(() => fail('it does not answer'), HOST_MS_MAX);
      const lines: string[] = [];
      createInterface({ input: program.stderr }).on('line', (line) => {
        const [, found] = LISTENS.exec(line) ?? [];
        if (found === undefined) lines.push(line);
        else resolve(found);
      });
      program.once('error', (cause) => fail(cause.message, cause));
      program.once('close', () => fail(`it has ended: ${lines.slice(-3).join('; ')}`));
      void Promise.allSettled([ended]).then(() => clearTimeout(timer));
    });
    const { send, close } = await connectBidi(`http://${address}/session`);
    const { capabilities } = await send('session.new', { capabilities: {} });
    const { browserVersion } = capabilities as { readonly browserVersion: string };
    return {
      version: `Firefox ${browserVersion}`,
      async newPage() {
        const { context } = await send('browsingContext.create', { type: 'tab' });
        return pageOf(send, String(context));
      },
      async close() {
        // It may end before it has answered.
        await Promise.race([send('browser.close', {}).catch(() => undefined), ended]);
        let timer: NodeJS.Timeout | undefined;
        await Promise.race([ended, new Promise((resolve) => (timer = setTimeout(resolve, END_MS_MAX)))]);
        clearTimeout(timer);
        close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function connectBidi(url: string): Promise<{ readonly send: Send; close(): void }> {
  const waiting = new Map<number, { resolve(result: Values): void; reject(error: Error): void }>();
  let last = 0;
  let isOver = false;
  const socket = await connectText(
    url,
    (text) => {
      const { id, type, result, error, message } = JSON.parse(text) as {
        readonly id?: number;
        readonly type: 'success' | 'error' | 'event';
        readonly result?: Values;
        readonly error?: string;
        readonly message?: string;
      };
      const asked = id === undefined ? undefined : waiting.get(id);
      if (id === undefined || !asked) return;
      waiting.delete(id);
      if (type === 'success') asked.resolve(result ?? {});
      else asked.reject(new Error(`Firefox says: ${error ?? type}: ${message ?? ''}`));
    },
    () => {
      isOver = true;
      for (const { reject } of waiting.values()) reject(new Error('Firefox has ended'));
      waiting.clear();
    },
  );
  return {
    send: (method, params) =>
      new Promise((resolve, reject) => {
        if (isOver) return reject(new Error('Firefox has ended'));
        waiting.set(++last, { resolve, reject });
        socket.send(JSON.stringify({ id: last, method, params }));
      }),
    close: () => socket.close(),
  };
}

/** The parts of the browser's API that code in the page uses here. The project is type-checked without the DOM's types. */
interface Found {
  contains(other: Found | null): boolean;
  scrollIntoView(options: { readonly block: 'center' }): void;
  matches(selector: string): boolean;
  getBoundingClientRect(): {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}
interface There {
  readonly document: {
    querySelector(selector: string): Found | null;
    elementFromPoint(x: number, y: number): Found | null;
  };
  setTimeout(call: () => void, ms: number): unknown;
}

function pageOf(send: Send, context: string): DrivenPage {
  const evaluate: DrivenPage['evaluate'] = async (call, argument) => {
    const answer = (await send('script.callFunction', {
      functionDeclaration: `async (json) => JSON.stringify({ answer: await (${String(call)})(JSON.parse(json).argument) })`,
      arguments: [{ type: 'string', value: JSON.stringify({ argument }) }],
      target: { context },
      awaitPromise: true,
    })) as {
      readonly type: 'success' | 'exception';
      readonly result?: { readonly value: string };
      readonly exceptionDetails?: { readonly text: string };
    };
    if (answer.type === 'exception' || !answer.result)
      throw new Error(`in the page: ${answer.exceptionDetails?.text ?? 'no answer'}`);
    return (JSON.parse(answer.result.value) as { readonly answer: never }).answer;
  };
  return {
    evaluate,
    async close() {
      await send('browsingContext.close', { context });
    },
    async goto(url) {
      await send('browsingContext.navigate', { context, url, wait: 'complete' });
    },
    async click(selector) {
      const { x, y } = await poll(`${selector}, to be clicked`, async () => {
        const place = await evaluate(async (selector) => {
          const { document, setTimeout } = globalThis as unknown as There;
          const found = document.querySelector(selector);
          if (!found || found.matches(':disabled, [aria-disabled=true]')) return null;
          found.scrollIntoView({ block: 'center' });
          const before = found.getBoundingClientRect();
          await new Promise<void>((resolve) => setTimeout(resolve, 100));
          const { left, top, width, height } = found.getBoundingClientRect();
          // What is above it may have become shorter or longer.
          if (left !== before.left || top !== before.top) return null;
          const [x, y] = [Math.round(left + width / 2), Math.round(top + height / 2)];
          // Nothing may cover it.
          return found.contains(document.elementFromPoint(x, y)) ? { x, y } : null;
        }, selector);
        return place ?? undefined;
      });
      const actions = [
        { type: 'pointerMove', x, y },
        { type: 'pointerDown', button: 0 },
        { type: 'pointerUp', button: 0 },
      ];
      await send('input.performActions', { context, actions: [{ type: 'pointer', id: 'mouse', actions }] });
    },
  };
}
