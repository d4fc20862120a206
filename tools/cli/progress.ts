// SPDX-License-Identifier: MIT
/** Progress on the error output: lines that are redrawn on a terminal, plain lines elsewhere. */
import { printableLine } from '../../emulator/report/escape.js';

export interface Progress {
  /**
   * Shows the present work. `fraction`: its progress from 0 to 1, if known. `how`: its progress in words. Calls with
   * the same `what` belong to the same work.
   */
  readonly say: (what: string, fraction?: number, how?: string) => void;
  /** Shows several works side by side: `lines` on a terminal, which gives room for so many of so many columns; `what` elsewhere. */
  readonly table: (lines: (room: Room) => readonly string[], what: string) => void;
  /** Clears what is drawn, so that something else can be printed. */
  readonly clear: () => void;
}

export interface Room {
  readonly lines: number;
  /** Of characters in a line. */
  readonly columns: number;
}

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
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
  let drawn: readonly string[] = [];
  let drawnMs = -Infinity;
  let lastWhat = '';
  // From the last line up to the first.
  const erase = (): string => (drawn.length < 2 ? '\r\u001b[K' : `\r${'\u001b[1A'.repeat(drawn.length - 1)}\u001b[J`);
  const draw = (what: string, lines: () => readonly string[]): void => {
    if (what === lastWhat && nowMs() - drawnMs < REDRAW_MS) return;
    const next = lines();
    if (next.join('\n') !== drawn.join('\n')) output.write(`${erase()}${next.join('\n')}`);
    drawn = next;
    drawnMs = nowMs();
    lastWhat = what;
  };
  const columns = (): number => output.columns ?? 80;
  return {
    clear: () => {
      if (drawn.length > 0) output.write(erase());
      drawn = [];
    },
    say: (what, fraction, how) => draw(what, () => [terminalLine(what, fraction, columns(), how)]),
    table: (lines, what) =>
      draw(what, () => {
        // The line below is for the cursor.
        const room = { lines: Math.max(1, (output.rows ?? 24) - 1), columns: columns() - 1 };
        return lines(room)
          .slice(0, room.lines)
          .map((line) => printableLine(line).slice(0, room.columns));
      }),
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
  const say: Progress['say'] = (what, fraction, how) => {
    if (what === lastWhat && nowMs() - saidMs < PLAIN_REPEAT_MS) return;
    output.write(
      `snapback: ${printableLine(what)}${how === undefined ? '' : ` · ${how}`}${fraction === undefined || fraction === 0 ? '' : ` (${percent(fraction).trim()})`}\n`,
    );
    lastWhat = what;
    saidMs = nowMs();
  };
  return { clear: () => undefined, say, table: (_, what) => say(what) };
}
