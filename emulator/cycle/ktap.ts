// SPDX-License-Identifier: MIT
/** Reads the KTAP that guest programs print. */
import type { SelfCheckOutcome } from './outcome.js';

export interface Ktap {
  readonly points: readonly SelfCheckOutcome[];
  /** A problem of the stream itself, such as lost output. */
  readonly problem: string | undefined;
}

/**
 * The test points of the outermost level, each with the comments before it as detail.
 * A skipped test has proved nothing, so it has not passed. Its name contains the reason for the skip.
 */
export function readKtap(text: string): Ktap {
  const points: SelfCheckOutcome[] = [];
  let planned: number | undefined;
  let comments: string[] = [];
  for (const line of text.split('\n')) {
    const plan = /^1\.\.(\d+)/.exec(line);
    const point = /^(not )?ok (\d+)(?: -)? ?(.*)$/.exec(line);
    if (plan) planned = Number(plan[1]);
    else if (point) {
      const name = point[3] ?? '';
      points.push({ name, passed: point[1] === undefined && !/ # SKIP\b/i.test(name), detail: comments.join('\n') });
      comments = [];
    } else if (/^\s*#/.test(line) && !/^\s*# (Subtest|Totals)/.test(line)) comments.push(line.replace(/^\s*# ?/, ''));
  }
  return { points, problem: problemOf(points.length, planned) };
}

function problemOf(points: number, planned: number | undefined): string | undefined {
  if (planned === undefined) return 'it has no plan';
  return points === planned ? undefined : `it announces ${planned} tests and has ${points}`;
}
