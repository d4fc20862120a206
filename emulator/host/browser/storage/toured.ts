// SPDX-License-Identifier: MIT
/** Whether a visitor has had the tour. */

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}
/** Reading it throws where the user lets pages keep nothing. */
const storage = (): Storage => (globalThis as unknown as { readonly localStorage: Storage }).localStorage;

const KEY = 'snapback.toured';

export function hasToured(): boolean {
  try {
    return storage().getItem(KEY) !== null;
  } catch {
    return false;
  }
}

/** The visitor does not want it any more. It comes back where nothing can be kept. */
export function noteTour(): void {
  try {
    storage().setItem(KEY, 'yes');
  } catch {
    // It has gone from this page, which is what was asked for.
  }
}
