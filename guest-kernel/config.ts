// SPDX-License-Identifier: MIT
/**
 * Kernel configuration from fragments: one option per line with its reason, and afterwards the check that Kconfig kept
 * each of them.
 *
 * A line is `CONFIG_NAME=value  # reason`; value is `y`, `n`, a number or a quoted string. Lines that begin with
 * `#` and empty lines are ignored.
 */
import { RigError } from '../emulator/machine/errors.js';

export interface Fragment {
  /** File name, for messages. */
  readonly file: string;
  readonly text: string;
}

export interface ConfigOption {
  readonly name: string;
  /** The value as in a .config; `n` for an option that must be off. */
  readonly value: string;
  readonly reason: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

const OPTION = /^(CONFIG_[A-Za-z0-9_]+)=(y|n|-?\d+|0x[0-9a-fA-F]+|"[^"#]*")\s+#\s+(\S.*)$/;

/**
 * The options of a fragment.
 * @throws RigError for a line that is neither an option with its reason nor a comment.
 */
export function parseFragment({ file, text }: Fragment): readonly ConfigOption[] {
  const options: ConfigOption[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    if (content.trim() === '' || content.startsWith('#')) continue;
    const [, name, value, reason] = OPTION.exec(content) ?? [];
    if (name === undefined || value === undefined || reason === undefined) {
      throw new RigError(`${file}:${index + 1}: not a kernel option with a reason: ${content}`, {
        remedy: 'write it as CONFIG_NAME=value  # reason',
      });
    }
    options.push({ name, value, reason, file, line: index + 1 });
  }
  return options;
}

/**
 * The options of all fragments together.
 * @throws RigError when two fragments name the same option: one of them would be lost silently.
 */
export function mergeFragments(fragments: readonly Fragment[]): readonly ConfigOption[] {
  const byName = new Map<string, ConfigOption>();
  for (const option of fragments.flatMap(parseFragment)) {
    const first = byName.get(option.name);
    if (first) {
      throw new RigError(
        `${option.file}:${option.line}: ${option.name} is already set at ${first.file}:${first.line}`,
        {
          remedy: 'keep one of the two',
        },
      );
    }
    byName.set(option.name, option);
  }
  return [...byName.values()];
}

/** The options as Kconfig reads them (`KCONFIG_ALLCONFIG`). */
export function renderConfig(options: readonly ConfigOption[]): string {
  return options.map(({ name, value }) => (value === 'n' ? `# ${name} is not set\n` : `${name}=${value}\n`)).join('');
}

/** The options that have another value in `dotConfig`, as Kconfig wrote it, each with that value. */
export function lostOptions(
  options: readonly ConfigOption[],
  dotConfig: string,
): readonly (ConfigOption & { readonly got: string })[] {
  const actual = new Map<string, string>();
  for (const line of dotConfig.split('\n')) {
    const [, name, value] = /^(CONFIG_[A-Za-z0-9_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) actual.set(name, value);
  }
  return options.flatMap((option) => {
    const got = actual.get(option.name) ?? 'n';
    return got === option.value ? [] : [{ ...option, got }];
  });
}

/** @throws RigError that names each lost option with its fragment and line. */
export function requireOptions(options: readonly ConfigOption[], dotConfig: string): void {
  const lost = lostOptions(options, dotConfig);
  if (lost.length === 0) return;
  throw new RigError(
    lost
      .map(
        ({ file, line, name, value, got }) =>
          `${file}:${line}: ${name}=${value} did not survive: the kernel has ${got}`,
      )
      .join('\n'),
    { remedy: "see in the kernel's Kconfig files what each depends on or what selects it, and name that too" },
  );
}
