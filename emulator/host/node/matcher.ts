// SPDX-License-Identifier: MIT
/** Matches patterns in a separate thread, which is ended when a search takes too long. */
import { Worker } from 'node:worker_threads';
import type { Matcher, MatchQuestion } from '../../cycle/pattern.js';

export interface MatcherOptions {
  /** Ends a search that is under way. */
  readonly signal?: AbortSignal;
  /** Host time after which a search is given up, in ms. */
  readonly searchMsMax?: number;
}

/** A normal search ends within milliseconds. This bound allows for a busy host. */
const SEARCH_MS_MAX = 20_000;

type Answer = Awaited<ReturnType<Matcher>>;

/** The code of the thread. It is text, so that it needs no bundle and no loader. */
const THREAD = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', ({ source, flags, texts }) => {
    try {
      const expression = new RegExp(source, flags);
      parentPort.postMessage(texts.some((text) => expression.test(text)));
    } catch (error) {
      parentPort.postMessage({ problem: error.message });
    }
  });
`;

/**
 * A matcher whose thread is made at the first question and does not keep the process alive between questions. Questions
 * are answered one after another.
 */
export function nodeMatcher({ signal, searchMsMax = SEARCH_MS_MAX }: MatcherOptions = {}): Matcher {
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const answer = async (question: MatchQuestion): Promise<Answer> => {
    signal?.throwIfAborted();
    worker ??= new Worker(THREAD, { eval: true, name: 'matcher', execArgv: [] });
    const asked = worker;
    asked.ref();
    try {
      return await ask(asked, question, searchMsMax, signal);
    } catch (error) {
      worker = undefined;
      await asked.terminate();
      signal?.throwIfAborted();
      return { problem: (error as Error).message };
    } finally {
      asked.unref();
    }
  };
  return (question) => {
    const mine = last.then(() => answer(question));
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Rejects when the thread ends or has no answer in time. */
function ask(
  worker: Worker,
  question: MatchQuestion,
  searchMsMax: number,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      worker.off('message', onAnswer).off('error', fail).off('exit', onExit);
      settle();
    };
    const fail = (error: Error): void => end(() => reject(error));
    const onAnswer = (answer: Answer): void => end(() => resolve(answer));
    const onExit = (status: number): void => fail(new Error(`its thread ended with status ${status}`));
    const onAbort = (): void => fail(new Error('interrupted'));
    const timer = setTimeout(() => fail(new Error(`it came to no end within ${searchMsMax / 1000} s`)), searchMsMax);
    worker.on('message', onAnswer).on('error', fail).on('exit', onExit);
    signal?.addEventListener('abort', onAbort);
    worker.postMessage(question);
  });
}
