// SPDX-License-Identifier: MIT
/** Matches patterns in a worker of its own, which is ended when a search takes too long. */
import type { Matcher, MatchQuestion } from '../../../cycle/pattern.js';

/** Host time after which a search is given up, in ms. A normal one ends within milliseconds. */
const SEARCH_MS_MAX = 20_000;

type Answer = Awaited<ReturnType<Matcher>>;

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface SearchWorker {
  onmessage: ((event: { readonly data: Answer }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
  postMessage(question: MatchQuestion): void;
  terminate(): void;
}
declare const Worker: new (url: string) => SearchWorker;

/** The code of the worker. It is text, so that it needs no file of its own. */
const SEARCH = `
  onmessage = ({ data: { source, flags, texts } }) => {
    try {
      const expression = new RegExp(source, flags);
      postMessage(texts.some((text) => expression.test(text)));
    } catch (error) {
      postMessage({ problem: error.message });
    }
  };
`;

/** A matcher whose worker is made at the first question. Questions are answered one after another. */
export function browserMatcher(): Matcher {
  let worker: SearchWorker | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const ask = (question: MatchQuestion): Promise<Answer> =>
    new Promise((resolve) => {
      const asked = (worker ??= new Worker(URL.createObjectURL(new Blob([SEARCH], { type: 'text/javascript' }))));
      const giveUp = (problem: string): void => {
        asked.terminate();
        worker = undefined;
        resolve({ problem });
      };
      const timer = setTimeout(() => giveUp(`it came to no end within ${SEARCH_MS_MAX / 1000} s`), SEARCH_MS_MAX);
      asked.onmessage = ({ data }) => {
        clearTimeout(timer);
        resolve(data);
      };
      asked.onerror = ({ message }) => {
        clearTimeout(timer);
        giveUp(message ?? 'its worker could not be started');
      };
      asked.postMessage(question);
    });
  return (question) => {
    const mine = last.then(() => ask(question));
    last = mine;
    return mine;
  };
}
