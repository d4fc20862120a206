// SPDX-License-Identifier: MIT
/** The delivery port (see machine/delivery.ts). */
import { DELIVERY_PORT } from '../../machine/delivery.js';
import type { V86Io } from './internals.js';

const ALL_ONES = -1;

export interface Delivery {
  /** Replaces the rest of the previous delivery. */
  deliver(bytes: Uint8Array): void;
  /** Undefined when nothing is left or there was no delivery. */
  save(): DeliveryState | undefined;
  load(state: DeliveryState | undefined): void;
}

/** The bytes that are left, or the fact that the guest has read beyond the end. */
export type DeliveryState = readonly number[] | 'overdrawn';

export function installDelivery(io: V86Io): Delivery {
  let bytes: Uint8Array = new Uint8Array(0);
  let at = 0;
  let overdrawn = false;
  const device = {};
  io.register_read(DELIVERY_PORT, device, undefined, undefined, () => {
    if (at >= bytes.length) {
      overdrawn = true;
      return ALL_ONES;
    }
    const [first = 0, second = 0, third = 0, fourth = 0] = bytes.subarray(at, at + 4);
    at = Math.min(at + 4, bytes.length);
    return first | (second << 8) | (third << 16) | (fourth << 24);
  });
  io.register_read(DELIVERY_PORT + 4, device, undefined, undefined, () => (overdrawn ? ALL_ONES : bytes.length - at));
  return {
    deliver(delivered) {
      bytes = delivered;
      at = 0;
      overdrawn = false;
    },
    save: () => (overdrawn ? 'overdrawn' : at < bytes.length ? [...bytes.subarray(at)] : undefined),
    load(state) {
      overdrawn = state === 'overdrawn';
      bytes = state === undefined || state === 'overdrawn' ? new Uint8Array(0) : Uint8Array.from(state);
      at = 0;
    },
  };
}
