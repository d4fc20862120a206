// SPDX-License-Identifier: MIT
/** What is done with the pieces that the browser keeps, one thing after another. */
import { NO_STORE, openPieceStore, type PieceStore } from '../storage/piece-store.js';
import type { FromSession } from './protocol.js';

export interface StoreWork {
  /** Tells what is kept. */
  readonly tellStored: () => void;
  /** Removes it, and tells that. */
  readonly empty: () => void;
}

/** Reading the list of what is stored takes a browser some seconds, for which nothing else waits. `fail` gets what cannot be done. */
export function createStoreWork(tell: (message: FromSession) => void, fail: (error: unknown) => void): StoreWork {
  let last: Promise<void> = Promise.resolve();
  const withStore = (work: (store: PieceStore | undefined) => Promise<void>): void => {
    last = last.then(async () => work(await openPieceStore())).catch(fail);
  };
  return {
    tellStored: () =>
      withStore(async (store) => tell({ tell: 'stored', stored: store ? await store.trim() : NO_STORE })),
    empty: () =>
      withStore(async (store) => {
        if (store) tell({ tell: 'stored', stored: await store.empty() });
      }),
  };
}
