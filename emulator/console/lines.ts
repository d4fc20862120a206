// SPDX-License-Identifier: MIT
/**
 * Converts the bytes of a serial console to lines of plain text: removes escape sequences, and executes carriage
 * returns.
 */

export interface LineAssembler {
  /** Takes more bytes. Returns the lines that they complete. */
  push(bytes: Uint8Array): string[];
  /** The line that has no end yet, for example a prompt, or the last output of a kernel that died. */
  partial(): string;
}

/** The position of the assembler in an escape sequence. */
type Escape = 'none' | 'escape' | 'csi' | 'string' | 'stringEnd' | 'charset';

const ESC = 0x1b;

/** Input may be split anywhere, also within a character or an escape sequence. */
export function lineAssembler(): LineAssembler {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let escape: Escape = 'none';
  let text: string[] = [];
  let column = 0;

  const put = (character: string): void => {
    while (text.length < column) text.push(' ');
    text[column++] = character;
  };
  const finish = (): string => {
    const line = text.join('').trimEnd();
    text = [];
    column = 0;
    return line;
  };

  return {
    push(bytes) {
      const lines: string[] = [];
      for (const character of decoder.decode(bytes, { stream: true })) {
        const code = character.codePointAt(0) as number;
        if (escape !== 'none') escape = afterEscape(escape, code);
        else if (code === ESC) escape = 'escape';
        else if (character === '\n') lines.push(finish());
        else if (character === '\r') column = 0;
        else if (character === '\b') column = Math.max(0, column - 1);
        else if (character === '\t') column = (Math.floor(column / 8) + 1) * 8;
        else if (code >= 0x20 && code !== 0x7f) put(character);
      }
      return lines;
    },
    partial: () => text.join('').trimEnd(),
  };
}

/**
 * ECMA-48: ESC [ ... final byte; ESC ] or P or _ or ^ ... until BEL or ESC \; ESC ( and similar ones have one more
 * byte; else one byte.
 */
function afterEscape(state: Escape, code: number): Escape {
  switch (state) {
    case 'escape':
      if (code === 0x5b) return 'csi';
      if (code === 0x5d || code === 0x50 || code === 0x5f || code === 0x5e) return 'string';
      return code >= 0x20 && code <= 0x2f ? 'charset' : 'none';
    case 'csi':
      return code >= 0x40 && code <= 0x7e ? 'none' : 'csi';
    case 'string':
      return code === 0x07 ? 'none' : code === ESC ? 'stringEnd' : 'string';
    case 'stringEnd':
    case 'charset':
    case 'none':
      return 'none';
  }
}

/** All lines of a complete console log, with an unfinished last line. */
export function consoleLines(bytes: Uint8Array): string[] {
  const assembler = lineAssembler();
  const lines = assembler.push(bytes);
  const rest = assembler.partial();
  return rest === '' ? lines : [...lines, rest];
}
