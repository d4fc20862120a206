// SPDX-License-Identifier: MIT
/** Which markers the guest has sent since it was last looked at. Each stops the machine, and is in the registers then. */
import { senders, type Processor } from './processors.js';

/** Markers of which the place is remembered: many times as many as there are processors. */
const PLACES_KEPT = 64;

export interface Markers {
  /** QEMU says that a marker has been sent. */
  sent(): void;
  /** Some have been sent that have not been taken. */
  readonly areDue: boolean;
  /** The places in the guest's code of the last markers, oldest first. */
  readonly places: readonly string[];
  /** Takes these from the registers of the machine, which stands. In the order of the processors. */
  take(processors: readonly Processor[]): readonly NonNullable<Processor['marker']>[];
}

/** `before`: the places of markers that have been taken already. */
export function createMarkers(before: readonly string[] = []): Markers {
  let count = 0;
  const places = [...before];
  return {
    places,
    sent: () => void count++,
    get areDue() {
      return count > 0;
    },
    take(processors) {
      const taken = senders(processors, count, new Set(places)).flatMap((index) => processors[index]?.marker ?? []);
      count = 0;
      places.push(...taken.map(({ place }) => place));
      places.splice(0, places.length - PLACES_KEPT);
      return taken;
    },
  };
}
