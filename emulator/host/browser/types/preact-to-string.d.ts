// SPDX-License-Identifier: MIT
/** The part of preact-render-to-string that the tests use. */
import type { VNode } from 'preact';

export function renderToString(node: VNode): string;
