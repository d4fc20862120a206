// SPDX-License-Identifier: MIT
/** Patches as texts: mails of a mailbox, the files that a change touches, and why a change does not apply. */

/** A mail with a patch, or a change as `diff` prints it. */
export interface PatchText {
  /** For people: the file, and the number of the mail if the file holds several. */
  readonly name: string;
  /** A character for each byte. */
  readonly text: string;
}

/** The line before each mail of a mailbox, as `git format-patch --stdout`, b4 and mail programs write it. */
const SEPARATOR = /^From \S+ .*\d{1,2}:\d\d:\d\d.*$/;

/** The mails in a file. Without a line that separates mails, all of it is one patch. */
export function splitMailbox(name: string, text: string): readonly PatchText[] {
  const lines = text.split('\n');
  const starts = lines.flatMap((line, index) =>
    SEPARATOR.test(line) && (index === 0 || lines[index - 1] === '') && isHeader(lines[index + 1]) ? [index] : [],
  );
  if (starts[0] !== 0) return text.trim() === '' ? [] : [{ name, text }];
  return starts.map((start, index) => ({
    name: starts.length === 1 ? name : `${name}, mail ${index + 1} of ${starts.length}`,
    text: lines.slice(start, starts[index + 1]).join('\n'),
  }));
}

const isHeader = (line: string | undefined): boolean => line !== undefined && /^[A-Za-z][A-Za-z-]*:/.test(line);

/** True for a text that begins like a mail. Anything else is a change without a message. */
export const isMail = (text: string): boolean =>
  SEPARATOR.test(text.split('\n', 1)[0] ?? '') || isHeader(text.split('\n', 1)[0]);

/** Does this text hold a change? */
export const hasChange = (diff: string): boolean => /^diff --git |^--- \S+.*\n\+\+\+ \S/m.test(diff);

/** Up to the first empty line. */
const headOf = (text: string): string => text.split(/\r?\n\r?\n/, 1)[0] ?? '';

/** True for the cover letter of a series: mail 0 of some. */
export const isCoverLetter = ({ text }: PatchText): boolean => /^Subject:\s*\[[^\]]*\b0+\/\d+\]/im.test(headOf(text));

/** True for a mail that need not hold a change: the cover letter of a series, or an answer. */
export const isLetter = (mail: PatchText): boolean =>
  /(?:^|\/)0000-[^/]*$/.test(mail.name) || /^Subject: *Re:/im.test(headOf(mail.text)) || isCoverLetter(mail);

/** Without brackets; undefined for a mail without one. */
export const messageIdOf = ({ text }: PatchText): string | undefined =>
  /^Message-ID:\s*<([^>\s]+)>/im.exec(headOf(text))?.[1];

export interface TouchedFile {
  /** Relative to the kernel tree. */
  readonly path: string;
  /** The change makes the file. */
  readonly isNew: boolean;
}

/** The files that a change touches, in its order, under their old and their new names. */
export function touchedBy(diff: string): readonly TouchedFile[] {
  const files = new Map<string, boolean>();
  let old = '';
  /** Lines of the hunk that are still to come: those of the old file, and those of the new one. */
  let inHunk = 0;
  for (const line of diff.split('\n')) {
    // The lines of a hunk may look like headers.
    if (inHunk > 0) {
      if (line.startsWith('+') || line.startsWith('-')) inHunk -= 1;
      else if (line.startsWith(' ') || line === '') inHunk -= 2;
      continue;
    }
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk) {
      inHunk = Number(hunk[1] ?? 1) + Number(hunk[2] ?? 1);
      continue;
    }
    const renamed = /^(?:rename|copy) (from|to) (.+)$/.exec(line);
    if (renamed?.[2] !== undefined) files.set(renamed[2], renamed[1] === 'to');
    if (line.startsWith('--- ')) old = nameIn(line);
    if (line.startsWith('+++ ')) {
      const next = nameIn(line);
      if (old !== '/dev/null') files.set(withoutPrefix(old), false);
      if (next !== '/dev/null' && !files.has(withoutPrefix(next))) files.set(withoutPrefix(next), old === '/dev/null');
    }
  }
  return [...files].map(([path, isNew]) => ({ path, isNew }));
}

/** The name in `--- a/NAME<tab>date`. */
const nameIn = (line: string): string => line.slice(4).split('\t', 1)[0]?.trimEnd() ?? '';
const withoutPrefix = (path: string): string => path.replace(/^[^/]*\//, '');

/** Why a change does not apply: file and line, from what `git apply` prints. */
export function conflictIn(stderr: string): string {
  const [, file, line] = /^error: patch failed: (.+):(\d+)$/m.exec(stderr) ?? [];
  if (file !== undefined) return `${file}, line ${line ?? '?'}: the tree has other lines there than the patch expects`;
  const [, missing] = /^error: (.+): (?:does not exist in index|No such file or directory)$/m.exec(stderr) ?? [];
  if (missing !== undefined) return `${missing}: the tree has no such file`;
  const [, there] = /^error: (.+): already exists in (?:index|working directory)$/m.exec(stderr) ?? [];
  if (there !== undefined) return `${there}: the patch makes this file, and the tree already has it`;
  const [, corrupt] = /^error: corrupt patch at (?:line |\S*:)(\d+)$/m.exec(stderr) ?? [];
  if (corrupt !== undefined) return `line ${corrupt} of its change is damaged, as by a mail program that breaks lines`;
  return (
    stderr
      .trim()
      .split('\n', 1)[0]
      ?.replace(/^(?:error|fatal): /, '') ?? ''
  );
}
