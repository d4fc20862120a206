// SPDX-License-Identifier: MIT
/** Numbers for people. */

/** `1,234,567`. */
export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

/** `3 pages`, `1 page`. */
export const counted = (value: number, noun: string): string => `${grouped(value)} ${noun}${value === 1 ? '' : 's'}`;

/** Bytes in the unit that leaves at most four digits. */
export function bytes(value: number): string {
  if (value < 1e4) return `${grouped(value)} B`;
  return value < 1e7 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** `12 ms`, `3.2 s`, `8 h`. */
export function time(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? Number(ms.toFixed(2)) : Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1000).toFixed(2))} s`;
  if (ms < 7_200_000) return `${Number((ms / 60_000).toFixed(1))} min`;
  return `${Number((ms / 3_600_000).toFixed(1))} h`;
}

/** `812 M`: instructions in millions. */
export function millions(value: number): string {
  return value < 1e6 ? grouped(value) : `${grouped(value / 1e6)} M`;
}
