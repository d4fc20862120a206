// SPDX-License-Identifier: MIT
/** What the guest sends on its two lines. */
import { concat } from '../../machine/bytes.js';
import type { Channel, RunRequest } from '../../machine/contract.js';

export interface Output {
  /** Bytes that have come. When no run is under way, they belong to the next one. */
  receive(channel: Channel, bytes: Uint8Array): void;
  /** A run begins, and hears of the output that came since the last one. */
  begin(request: Pick<RunRequest, 'untilByte' | 'onConsole'>): void;
  /** The run ends. @returns its output. */
  end(): Readonly<Record<Channel, Uint8Array>>;
}

/** `onUntil` is called when the byte has come that a run waits for. */
export function createOutput(onUntil: () => void): Output {
  const pieces: Record<Channel, Uint8Array[]> = { console: [], agent: [] };
  let request: Parameters<Output['begin']>[0] = {};
  const tell = (channel: Channel, bytes: Uint8Array): void => {
    if (channel === 'console') request.onConsole?.(bytes);
    if (request.untilByte?.channel === channel && bytes.includes(request.untilByte.byte)) onUntil();
  };
  return {
    receive(channel, bytes) {
      // A copy, because the socket's buffer may be a part of a larger one.
      const copy = new Uint8Array(bytes);
      pieces[channel].push(copy);
      tell(channel, copy);
    },
    begin(begun) {
      request = begun;
      for (const channel of ['console', 'agent'] as const) for (const bytes of pieces[channel]) tell(channel, bytes);
    },
    end() {
      request = {};
      return { console: concat(pieces.console.splice(0)), agent: concat(pieces.agent.splice(0)) };
    },
  };
}
