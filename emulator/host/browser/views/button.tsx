// SPDX-License-Identifier: MIT
/** The buttons of the page. */
import type { Children, VNode } from 'preact';

export interface ButtonProps {
  readonly id: string;
  readonly onDo: () => void;
  /** The key that does the same outside of the console and of fields. */
  readonly keyboard?: string | undefined;
  /** False: it is shown, but does nothing now. */
  readonly isPossible?: boolean;
  /** For a button that switches something on and off. */
  readonly isPressed?: boolean;
  readonly children: Children;
}

/**
 * A button that does nothing now can still have the focus: an element that is disabled would lose it, and in some browsers it
 * would take the keys of the page, too.
 */
export function Button({ id, onDo, keyboard, isPossible = true, isPressed, children }: ButtonProps): VNode {
  return (
    <button
      id={id}
      type="button"
      {...(isPressed !== undefined && { 'aria-pressed': isPressed })}
      {...(!isPossible && { 'aria-disabled': true })}
      {...(keyboard !== undefined && { 'aria-keyshortcuts': keyboard, title: `key ${keyboard}` })}
      onClick={() => isPossible && onDo()}
    >
      {children}
    </button>
  );
}
