// SPDX-License-Identifier: MIT
/** Where the focus goes when the element that has it goes from the page: who uses keys alone must not begin at the top again. */

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
export interface Focusable {
  readonly isConnected: boolean;
  /** Whether it shows that it has the focus, which it does after a key, and not after a click. */
  matches(selector: ':focus-visible'): boolean;
  focus(how: { readonly preventScroll: boolean }): void;
}
export interface FocusDocument {
  readonly body: unknown;
  readonly activeElement: unknown;
  getElementById(id: string): unknown;
  addEventListener(type: 'focusin', listener: (event: { readonly target: unknown }) => void): void;
}

/**
 * Answers what is to be called whenever elements may have gone. It puts the focus on the first of `successors` that is there, if the
 * element that had it last is not.
 * @param successors ids of elements.
 */
export function keepFocus(document: FocusDocument, successors: readonly string[]): () => void {
  let last: { readonly element: Focusable; readonly byKey: boolean } | undefined;
  document.addEventListener('focusin', ({ target }) => {
    const element = target as Focusable;
    last = { element, byKey: element.matches(':focus-visible') };
  });
  return () => {
    if (!last || last.element.isConnected || document.activeElement !== document.body) return;
    for (const id of successors) {
      const next = document.getElementById(id) as Focusable | null;
      if (!next) continue;
      // Who uses a mouse has scrolled to where they want to be.
      next.focus({ preventScroll: !last.byKey });
      return;
    }
  };
}
