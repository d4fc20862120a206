// SPDX-License-Identifier: MIT
/** The part of Preact that the page uses. Its own types need those of the DOM, which the project does not include. */
export type Child = VNode | string | number | boolean | null | undefined;
export type Children = Child | readonly Children[];

export interface VNode {
  readonly type: unknown;
  readonly props: object;
}

export function render(node: VNode, parent: unknown): void;
