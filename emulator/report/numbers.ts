// SPDX-License-Identifier: MIT
/** Numbers for people. */
export { time } from '../machine/duration.js';

/** `1,234,567`. */
export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

/** `3 pages`, `1 page`, `2 patches`. */
export const counted = (value: number, noun: string): string =>
  `${grouped(value)} ${noun}${value === 1 ? '' : noun.endsWith('ch') ? 'es' : 's'}`;

/** Bytes in the unit that leaves at most four digits. */
export function bytes(value: number): string {
  if (value < 1e4) return `${grouped(value)} B`;
  return value < 1e7 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** `812 M`: instructions in millions. */
export function millions(value: number): string {
  return value < 1e6 ? grouped(value) : `${grouped(value / 1e6)} M`;
}
