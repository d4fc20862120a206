// SPDX-License-Identifier: MIT
/**
 * Escapes foreign text (names, commands, output of a guest, files that should be text) for output to people and
 * programs. Characters that would move a cursor, change what is shown, or break a format are written as `\x1b` or
 * `\u{202e}`.
 */

/**
 * Controls (C0 except newline and tab, DEL, C1), line separators, format characters (marks that change the direction of
 * text, invisible characters, tags, the byte order mark), halves of surrogate pairs, and code points that are no
 * characters. Format characters that belong to ordinary text are printed: signs that enclose numbers, and the joiners
 * of scripts and emoji.
 */
const UNPRINTABLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]|(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u200c\u200d\u{110bd}\u{110cd}])\p{Cf}|\p{Cs}|\p{Noncharacter_Code_Point}/gu;

/** Escapes a text of several lines: newlines and tabs are kept. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

/** Escapes a text to one line: newlines are escaped, too. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n');
}

const SHORT: Readonly<Record<string, string>> = { '\r': '\\r' };

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return SHORT[character] ?? (code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`);
}

/** The name of a test point in KTAP: one line, in which no `#` could begin a directive such as SKIP. */
export function ktapName(text: string): string {
  return printableLine(text).replaceAll('#', '\\x23').trim();
}

/** Lines of diagnosis in KTAP, without their `# `. They are escaped so that none looks like the title of a subtest. */
export function ktapComments(text: string): readonly string[] {
  return printable(text)
    .split('\n')
    .map((line) => line.replace(/^(\s*)Subtest:/, '$1\\x53ubtest:'));
}

const XML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
};

/** The content of an XML element, with only those characters that XML 1.0 permits. */
export function xmlText(text: string): string {
  return printable(text).replaceAll(/[&<>]/g, (one) => XML_ESCAPES[one] ?? one);
}

/** The value of an XML attribute, in double quotes. */
export function xmlAttribute(text: string): string {
  return printable(text).replaceAll(/[&<>"\n\t]/g, (one) => XML_ESCAPES[one] ?? one);
}
