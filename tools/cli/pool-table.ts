// SPDX-License-Identifier: MIT
/** The cells of a validation that run and wait, as a table for a terminal. */
import type { PoolState } from '../run/validate.js';
import { terminalLine, type Room } from './progress.js';

const STATE_WIDTH = 9;
const TIME_WIDTH = 7;
const NAME_WIDTH_MAX = 40;

/** `nowMs`: on the clock of the state. */
export function poolLines({ done, running, waiting }: PoolState, nowMs: number, room: Room): readonly string[] {
  const total = done + running.length + waiting.length;
  const name = Math.min(
    NAME_WIDTH_MAX,
    Math.max(...[...running.map((one) => one.name), ...waiting].map((one) => one.length)),
  );
  const row = (state: string, time: string, what: string, ...rest: readonly string[]): string =>
    `${state.padEnd(STATE_WIDTH)}${time.padStart(TIME_WIDTH)}  ${what.slice(0, name).padEnd(name)}  ${rest.join('')}`.trimEnd();
  const rows = [
    ...running.map(({ name: what, which, step, fraction, sinceMs }) => {
      const share = fraction === undefined ? '' : `, ${Math.floor(fraction * 100)} %`;
      return row('running', clock(nowMs - sinceMs), what, `${which}${step === undefined ? '' : `: ${step}`}${share}`);
    }),
    ...waiting.map((what) => row('waiting', '', what)),
  ];
  const fit = Math.max(0, room.lines - 1);
  const shown = rows.length > fit ? [...rows.slice(0, fit - 1), `... and ${rows.length - fit + 1} more`] : rows;
  return [terminalLine(`${done} of ${total} cells`, done / total, room.columns + 1), ...shown];
}

/** `1:05`. */
const clock = (ms: number): string => {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};
