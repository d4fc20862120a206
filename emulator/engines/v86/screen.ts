// SPDX-License-Identifier: MIT
/**
 * The text on the machine's VGA screen. It is read from the state of the device and not from v86's screen adapters, which follow what
 * is drawn: so it needs nothing beyond the state of the machine, and a restored machine shows the same at once.
 */
import type { V86Vga } from './internals.js';

/** The characters of the font in the card's ROM (code page 437), which Linux uses. */
const CHARACTERS = Array.from(
  ' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼' +
    ' !"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂' +
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
    '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ',
);
/** A character and its attribute. */
const PLACE_BYTES = 2;

/** See `Machine.readScreen`. The lower part of a split screen, which Linux does not have, is taken as if it were not split. */
export function screenText(vga: Omit<V86Vga, 'svga_memory'>): readonly string[] | undefined {
  if (vga.graphical_mode) return undefined;
  const { max_cols: columns, max_rows: rows, vga_memory: memory } = vga;
  const rowPlaces = Math.max(columns, vga.offset_register * 2);
  return Array.from({ length: rows }, (_, row) => {
    const first = vga.start_address + row * rowPlaces;
    const codes = Array.from({ length: columns }, (_, column) => memory[(first + column) * PLACE_BYTES] ?? 0);
    return codes
      .map((code) => CHARACTERS[code] ?? ' ')
      .join('')
      .trimEnd();
  });
}
