// SPDX-License-Identifier: MIT
/** Progress on the error output: one line that is redrawn on a terminal, plain lines elsewhere. */
import { printableLine } from '../../emulator/report/escape.js';

export interface Progress {
  /**
   * Shows the present work. `fraction`: its progress from 0 to 1, if known. `how`: its progress in words. Calls with
   * the same `what` belong to the same work.
   */
  readonly say: (what: string, fraction?: number, how?: string) => void;
  /** Clears the line, so that something else can be printed. */
  readonly clear: () => void;
}

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_CELLS = 20;
const REDRAW_MS = 80;
/** Without a terminal, the same work is shown again only after this time. */
const PLAIN_REPEAT_MS = 30_000;

/** `nowMs` is a monotonic clock. */
export function progressTo(output: ProgressOutput, nowMs: () => number): Progress {
  return output.isTTY === true ? onTerminal(output, nowMs) : inLines(output, nowMs);
}

function onTerminal(output: ProgressOutput, nowMs: () => number): Progress {
  let drawn = '';
  let drawnMs = -Infinity;
  let lastWhat = '';
  const clear = (): void => {
    if (drawn !== '') output.write('\r\u001b[K');
    drawn = '';
  };
  return {
    clear,
    say: (what, fraction, how) => {
      if (what === lastWhat && nowMs() - drawnMs < REDRAW_MS) return;
      const line = terminalLine(what, fraction, output.columns ?? 80, how);
      if (line !== drawn) output.write(`\r\u001b[K${line}`);
      drawn = line;
      drawnMs = nowMs();
      lastWhat = what;
    },
  };
}

/** One line of at most `columns` - 1 characters. */
export function terminalLine(what: string, fraction: number | undefined, columns: number, how?: string): string {
  const bar =
    fraction === undefined ? '' : `[${'#'.repeat(filled(fraction)).padEnd(BAR_CELLS, '.')}] ${percent(fraction)} `;
  // The progress stays visible after a long command.
  const end = how === undefined ? '' : ` · ${how}`;
  const room = Math.max(0, columns - 1);
  return `${`${bar}${printableLine(what)}`.slice(0, Math.max(0, room - end.length))}${end}`.slice(0, room);
}

const filled = (fraction: number): number => Math.round(Math.min(1, Math.max(0, fraction)) * BAR_CELLS);
const percent = (fraction: number): string => `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)}%`.padStart(4);

function inLines(output: ProgressOutput, nowMs: () => number): Progress {
  let lastWhat = '';
  let saidMs = -Infinity;
  return {
    clear: () => undefined,
    say: (what, fraction, how) => {
      if (what === lastWhat && nowMs() - saidMs < PLAIN_REPEAT_MS) return;
      output.write(
        `snapback: ${printableLine(what)}${how === undefined ? '' : ` · ${how}`}${fraction === undefined || fraction === 0 ? '' : ` (${percent(fraction).trim()})`}\n`,
      );
      lastWhat = what;
      saidMs = nowMs();
    },
  };
}
