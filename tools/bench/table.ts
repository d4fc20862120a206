// SPDX-License-Identifier: MIT
/** Plain tables for the terminal. */
import type { Ratio, Summary } from './statistics.js';

/** Columns as wide as their widest cell: the first to the left, the others to the right. Rows may be shorter than the head. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => (column === 0 ? (row[0] ?? '').padEnd(width) : (row[column] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

/** `1.23 s  (1.20 .. 1.50)` from milliseconds. */
export const seconds = (ms: Summary): string =>
  `${inSeconds(ms.median)} s (${inSeconds(ms.min)} .. ${inSeconds(ms.max)})`;

/** `0.42 (0.40 .. 0.44)` */
export const quotient = ({ ofMedians, min, max }: Ratio): string =>
  `${ofMedians.toFixed(2)} (${min.toFixed(2)} .. ${max.toFixed(2)})`;

export const gigabytesPerSecond = (rate: Summary): string =>
  `${rate.median.toFixed(1)} GB/s (${rate.min.toFixed(1)} .. ${rate.max.toFixed(1)})`;

export const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');

const inSeconds = (ms: number): string => (ms / 1000).toFixed(2);
