// SPDX-License-Identifier: MIT
/** What a compiler, an assembler or a linker complains about. */

export interface CompilerError {
  /** Relative to the kernel tree. */
  readonly file: string;
  /** Undefined for an error of the linker, and of make. */
  readonly line: number | undefined;
  readonly message: string;
}

/** The first error in the output of make; undefined when no program has named a file. */
export function firstError(log: readonly string[]): CompilerError | undefined {
  for (const line of log) {
    const [, file, at, message] = /^([^\s:]+):(\d+)(?::\d+)?: (?:fatal )?[Ee]rror: (.+)$/.exec(line) ?? [];
    if (file !== undefined && message !== undefined) return { file, line: Number(at), message: message.trim() };
    const [, object, undefinedSymbol] =
      /(?:^|: )([\w./-]+\.[oc]):.*(undefined reference to .+|multiple definition of [^;]+)/.exec(line) ?? [];
    if (object !== undefined && undefinedSymbol !== undefined)
      return { file: object, line: undefined, message: undefinedSymbol };
    const [, target] = /No rule to make target '([^']+)'/.exec(line) ?? [];
    if (target !== undefined) return { file: target, line: undefined, message: 'no rule makes it' };
    const [, makefile, makeLine, stop] =
      /^([\w./-]*(?:Makefile|Kbuild)[\w./-]*):(\d+): \*\*\* (.+?)\. +Stop\.$/.exec(line) ?? [];
    if (makefile !== undefined && stop !== undefined && !/\bError \d+$/.test(stop))
      return { file: makefile, line: Number(makeLine), message: stop };
  }
  return undefined;
}

/** `kernel/power/snapshot.c, line 12: unknown type name 'x'`. */
export const errorText = ({ file, line, message }: CompilerError): string =>
  `${file}${line === undefined ? '' : `, line ${line}`}: ${message}`;

/** Warnings by the source file, without its ending, in whose compilation they came: `kernel/power/snapshot`. */
export type KnownWarnings = Readonly<Record<string, readonly string[]>>;

/**
 * The warnings about a whole tree, from those that were known before make printed `log`. Make compiles only what has changed, so what
 * it does not compile keeps its warnings, and what it compiles has those of `log`.
 */
export function warningsAfter(known: KnownWarnings, log: readonly string[]): KnownWarnings {
  const now: Record<string, string[]> = {};
  for (const [unit, lines] of Object.entries(known)) now[unit] = [...lines];
  for (const line of log) {
    const [, object] = /^ {2}(?:CC|AS) +(?:\[M\] +)?(\S+)\.o$/.exec(line) ?? [];
    if (object !== undefined) now[object] = [];
  }
  /** The file that includes the header of the next warning. */
  let includedBy: string | undefined;
  for (const line of log) {
    const [, from] = /^(?:In file included| +) from ([^\s:]+)\.[cS]:\d+/.exec(line) ?? [];
    if (from !== undefined) includedBy = from;
    const [, file] = /^([^\s:]+):\d+(?::\d+)?: warning: /.exec(line) ?? [];
    if (file === undefined) continue;
    const unit = /\.[cS]$/.test(file) ? file.replace(/\.[cS]$/, '') : (includedBy ?? file);
    includedBy = undefined;
    const lines = (now[unit] ??= []);
    if (!lines.includes(line)) lines.push(line);
  }
  return Object.fromEntries(Object.entries(now).filter(([, lines]) => lines.length > 0));
}

/** All of them, each once, in an order that does not depend on that of the compilers. */
export const warningsIn = (known: KnownWarnings): readonly string[] => [...new Set(Object.values(known).flat())].sort();
