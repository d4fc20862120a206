// SPDX-License-Identifier: MIT
/** What the memory map and a page without programs show alike of memory. */
import type { VNode } from 'preact';
import { Legend } from './legend.js';
import { legendOf } from './memory-map-model.js';

/** Of the picture, for who does not see it. */
export const MEMORY_LABEL = 'map of the memory, a pixel for each page; the table has the numbers';

/** `kinds`: as for {@link legendOf}. */
export const MemoryLegend = ({ kinds }: { readonly kinds: Uint8Array }): VNode => <Legend rows={legendOf(kinds)} />;
