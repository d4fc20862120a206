// SPDX-License-Identifier: MIT
/** Who gets what is typed into the console: the machine there, the one that is going to be there, or nobody. */
import type { Conversation } from './conversation.js';

export interface Keys {
  /** What was typed. */
  readonly type: (bytes: Uint8Array) => void;
  /** From now on it waits for the next machine. So it does at first. */
  readonly wait: () => void;
  /** From now on this machine gets it, and what has waited. */
  readonly give: (machine: Pick<Conversation, 'type'>) => void;
  /** From now on nobody gets it, which is told each time. */
  readonly refuse: () => void;
}

export function createKeys(onRefused: () => void): Keys {
  let waiting: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): void => void waiting.push(bytes);
  let take = keep;
  return {
    type: (bytes) => take(bytes),
    wait() {
      take = keep;
    },
    give({ type }) {
      take = type;
      for (const bytes of waiting) type(bytes);
      waiting = [];
    },
    refuse() {
      take = onRefused;
    },
  };
}
