// SPDX-License-Identifier: MIT
/** The time of each phase of a cycle, over several cycles. */
import { summarize, type Summary } from './statistics.js';
import { PHASES, type CycleSample, type Phase } from './workload.js';

export function phases(samples: readonly CycleSample[]): Record<Phase, Summary> {
  return Object.fromEntries(
    PHASES.map((phase) => [phase, summarize(samples.map(({ times }) => times.phases[phase]))]),
  ) as Record<Phase, Summary>;
}
