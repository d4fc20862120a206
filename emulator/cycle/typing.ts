// SPDX-License-Identifier: MIT
/** What a person typed into a machine, and when: enough to do it again. */
import type { Machine, RunRequest } from '../machine/contract.js';

/** Bytes sent to the console while the machine stood at this instruction count. */
export interface Keystrokes {
  readonly instruction: number;
  readonly bytes: Uint8Array;
}

/** More guest time than anybody sits at a console between two keys. */
const PAUSE_MS_MAX = 24 * 3_600_000;

/** One line each: the instruction, a blank, the bytes in hexadecimal. */
export function writeTyping(typing: readonly Keystrokes[]): string {
  return typing
    .map(
      ({ instruction, bytes }) =>
        `${instruction} ${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}\n`,
    )
    .join('');
}

/** The inverse of {@link writeTyping}; the number of the first bad line (1-based) when there is one. */
export function readTyping(text: string): readonly Keystrokes[] | { readonly badLine: number } {
  const typing: Keystrokes[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const parts = /^(\d+) ((?:[0-9a-f]{2})+)$/.exec(line);
    const instruction = Number(parts?.[1]);
    if (!parts || instruction < (typing.at(-1)?.instruction ?? 0)) return { badLine: index + 1 };
    typing.push({ instruction, bytes: Uint8Array.from(parts[2]?.match(/../g) ?? [], (pair) => parseInt(pair, 16)) });
  }
  return typing;
}

/**
 * Types what was recorded, each at its instruction, into a machine that stands at instruction `at`.
 * Answers where it stands then; stops early when the machine does.
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
