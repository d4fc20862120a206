// SPDX-License-Identifier: MIT
/** Aims, and whether they are met. */
import type { Ratio } from './statistics.js';

export interface Aim {
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** A quotient with an aim. */
export interface Verdict {
  readonly ratio: Ratio;
  readonly aim: Aim;
  readonly met: boolean;
}

export const meets = (aim: Aim, value: number): boolean =>
  value <= (aim.atMost ?? Infinity) && value >= (aim.atLeast ?? -Infinity);

export const judge = (ratio: Ratio, aim: Aim): Verdict => ({ ratio, aim, met: meets(aim, ratio.ofMedians) });

/** `aim at most 0.5: met` */
export function aimText(aim: Aim, value: number): string {
  const bound = aim.atMost !== undefined ? `at most ${aim.atMost}` : `at least ${aim.atLeast ?? 0}`;
  return `aim ${bound}: ${meets(aim, value) ? 'met' : 'missed'}`;
}
