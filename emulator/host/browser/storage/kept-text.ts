// SPDX-License-Identifier: MIT
/** Short texts that the browser keeps for the page. Where it keeps nothing, or has no room, there is none. */

/** `localStorage` is that of all pages of this origin, and `sessionStorage` that of the tab. */
export type Storage = 'localStorage' | 'sessionStorage';

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface Texts {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}
/** Reading it throws where the user lets pages keep nothing. */
const texts = (storage: Storage): Texts => (globalThis as unknown as Readonly<Record<Storage, Texts>>)[storage];

export function keptText(storage: Storage, key: string): string | undefined {
  try {
    return texts(storage).getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a text in the place of the one before, which is forgotten also where there is no room for this one. */
export function keepText(storage: Storage, key: string, text: string): void {
  try {
    texts(storage).setItem(key, text);
  } catch {
    forgetText(storage, key);
  }
}

export function forgetText(storage: Storage, key: string): void {
  try {
    texts(storage).removeItem(key);
  } catch {
    // There is none.
  }
}
