// SPDX-License-Identifier: MIT
/** The part of Preact's signals that the page uses. */
export interface Signal<T> {
  value: T;
}

export function signal<T>(value: T): Signal<T>;
