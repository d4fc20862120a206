// SPDX-License-Identifier: MIT
/** Whether a visitor has had the tour. */
import { keepText, keptText } from './kept-text.js';

const KEPT = ['localStorage', 'snapback.toured'] as const;

export const hasToured = (): boolean => keptText(...KEPT) !== undefined;

/** The visitor does not want it any more. It has gone from this page, and comes back where nothing can be kept. */
export const noteTour = (): void => keepText(...KEPT, 'yes');
