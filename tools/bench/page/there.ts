// SPDX-License-Identifier: MIT
import type { PageResults } from '../../../emulator/host/browser/page.js';

/** What code that runs in the page finds there. */
export interface There {
  readonly snapback?: PageResults;
}
