// SPDX-License-Identifier: MIT
/** The marker ports, to which the guest writes markers (see machine/markers.ts). */
import { MARKER_PORT_KERNEL, MARKER_PORT_USER } from '../../machine/markers.js';
import type { V86Io } from './internals.js';

export interface MarkerPorts {
  /** While true, the guest has to hold: it reads 1 from the port. */
  setHold(hold: boolean): void;
  /**
   * Words of markers of which the kind has not been written yet: [kernel word 0, kernel word 1, user word 0, user word
   * 1].
   */
  save(): readonly number[];
  load(words: readonly number[]): void;
}

export function installMarkerPorts(
  io: V86Io,
  onMarker: (kind: number, word0: number, word1: number) => void,
): MarkerPorts {
  let holding = false;
  const words = [0, 0, 0, 0];
  [MARKER_PORT_KERNEL, MARKER_PORT_USER].forEach((port, bank) => {
    const first = bank * 2;
    io.register_write(port + 4, words, undefined, undefined, (value) => {
      words[first] = value >>> 0;
    });
    io.register_write(port + 8, words, undefined, undefined, (value) => {
      words[first + 1] = value >>> 0;
    });
    io.register_write(port, words, undefined, undefined, (kind) =>
      onMarker(kind >>> 0, words[first] ?? 0, words[first + 1] ?? 0),
    );
    io.register_read(port, words, undefined, undefined, () => (holding ? 1 : 0));
  });
  return {
    setHold(hold) {
      holding = hold;
    },
    save: () => [...words],
    load(saved) {
      saved.forEach((word, index) => (words[index] = word));
    },
  };
}
