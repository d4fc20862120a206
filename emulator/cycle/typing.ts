// SPDX-License-Identifier: MIT
/** Recorded typing: the keys that a person typed into a machine and their instructions, so that it can be repeated. */
import type { Machine, RunRequest } from '../machine/contract.js';

/** Bytes sent to the console while the machine stood at this instruction count. */
export interface Keystrokes {
  readonly instruction: number;
  readonly bytes: Uint8Array;
}

/** Rows and columns of the terminal. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface Recording {
  /** Undefined when the input was no terminal but a pipe, for example. The guest's console then has no size. */
  readonly size: TerminalSize | undefined;
  readonly typing: readonly Keystrokes[];
}

/** Upper bound of the guest time between two keys. */
const PAUSE_MS_MAX = 24 * 3_600_000;

/** `size ROWS COLUMNS` if there is one, then one line each: the instruction, a blank, the bytes in hexadecimal. */
export function writeTyping({ size, typing }: Recording): string {
  const lines = typing
    .map(
      ({ instruction, bytes }) =>
        `${instruction} ${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}\n`,
    )
    .join('');
  return size ? `size ${size.rows} ${size.columns}\n${lines}` : lines;
}

/** The inverse of {@link writeTyping}; the number of the first bad line (1-based) when there is one. */
export function readTyping(text: string): Recording | { readonly badLine: number } {
  let size: TerminalSize | undefined;
  const typing: Keystrokes[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const [, rows, columns] = (index === 0 && /^size ([1-9]\d{0,3}) ([1-9]\d{0,3})$/.exec(line)) || [];
    if (rows !== undefined && columns !== undefined) {
      size = { rows: Number(rows), columns: Number(columns) };
      continue;
    }
    const parts = /^(\d+) ((?:[0-9a-f]{2})+)$/.exec(line);
    const instruction = Number(parts?.[1]);
    if (!parts || instruction < (typing.at(-1)?.instruction ?? 0)) return { badLine: index + 1 };
    typing.push({ instruction, bytes: Uint8Array.from(parts[2]?.match(/../g) ?? [], (pair) => parseInt(pair, 16)) });
  }
  return { size, typing };
}

/**
 * Repeats recorded typing, each key at its instruction, in a machine at instruction `at`. Returns the instruction count
 * after it. Ends early when the machine stops.
 */
export async function playTyping(
  machine: Machine,
  typing: readonly Keystrokes[],
  at: number,
  options: Pick<RunRequest, 'onConsole' | 'signal'>,
): Promise<number> {
  let now = at;
  let send: { channel: 'console'; bytes: Uint8Array }[] = [];
  for (const { instruction, bytes } of typing) {
    if (now < instruction) {
      const report = await machine.run({
        ...options,
        send,
        triggers: [{ when: { on: 'instruction', count: instruction }, then: { do: 'stop' } }],
        virtualMsMax: PAUSE_MS_MAX,
      });
      now = report.instructions;
      send = [];
      if (report.reason.why !== 'trigger') return now;
    }
    send.push({ channel: 'console', bytes });
  }
  return send.length === 0 ? now : (await machine.run({ ...options, send, virtualMsMax: 1 })).instructions;
}
