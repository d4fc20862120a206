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

/** The warnings in the output of make, each once. */
export const warningsIn = (log: readonly string[]): readonly string[] => [
  ...new Set(log.filter((line) => /^[^\s:]+:\d+(?::\d+)?: warning: /.test(line))),
];
