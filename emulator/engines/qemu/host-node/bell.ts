// SPDX-License-Identifier: MIT
/** Wakes the one who waits for anything to happen to a machine. */

export interface Bell {
  ring(): void;
  /** Resolves at the next ring, or after this real time. There is one who waits at a time. */
  wait(msMax: number): Promise<'rung' | 'late'>;
}

export function createBell(): Bell {
  let ring = (): void => undefined;
  return {
    ring: () => ring(),
    wait: (msMax) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve('late'), Math.max(0, msMax));
        ring = () => {
          clearTimeout(timer);
          resolve('rung');
        };
      }),
  };
}
