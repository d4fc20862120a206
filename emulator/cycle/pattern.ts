// SPDX-License-Identifier: MIT
/**
 * Patterns are the regular expressions of scenarios. This file defines their meaning and matches texts with them.
 *
 * A pattern is searched for anywhere in a text. `^` and `$` stand for the beginning and the end of the whole text,
 * never of a line within it; `$` also matches before a newline at the end of the text, because nearly all output ends
 * with one.
 */
import { messageOf } from '../console/faults.js';
import { InputError } from '../machine/errors.js';

/** A question for the host: does `source` with `flags` match one of `texts`? */
export interface MatchQuestion {
  readonly source: string;
  readonly flags: string;
  readonly texts: readonly string[];
}

/**
 * Answers a question within a bound of its own. It returns a problem when the search exceeds the bound, because some
 * patterns make a search practically endless. The bound only decides when to give up, so it may be in host time.
 */
export type Matcher = (question: MatchQuestion) => Promise<boolean | { readonly problem: string }>;

const FLAGS = 'u';

/** Far longer than real patterns. V8 ends the process for patterns that are much longer. */
const LENGTH_MAX = 10_000;

/** Why `source` is not a valid pattern, or undefined when it is valid. */
export function patternProblem(source: string): string | undefined {
  if (source.length > LENGTH_MAX) return `a regular expression has ${LENGTH_MAX} characters at most`;
  try {
    new RegExp(source, FLAGS);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Whether `text` matches `pattern`. `origin` names the text in messages.
 * @throws InputError when the matcher cannot answer because the search does not end.
 */
export async function matches(pattern: string, text: string, origin: string, matcher: Matcher): Promise<boolean> {
  const texts = text.endsWith('\n') ? [text, text.slice(0, -1)] : [text];
  return ask(pattern, texts, `${origin} (${text.length} characters)`, matcher);
}

/**
 * Whether one of `lines` of a console matches `pattern`. Each line is tried with and without the kernel's time stamp.
 * `origin` names the lines in messages.
 * @throws InputError as `matches` does.
 */
export async function matchesLine(
  pattern: string,
  lines: readonly string[],
  origin: string,
  matcher: Matcher,
): Promise<boolean> {
  const texts = lines.flatMap((line) => [line, messageOf(line)]);
  return texts.length > 0 && ask(pattern, texts, `${origin} (${lines.length} lines)`, matcher);
}

async function ask(pattern: string, texts: readonly string[], origin: string, matcher: Matcher): Promise<boolean> {
  const answer = await matcher({ source: pattern, flags: FLAGS, texts });
  if (typeof answer === 'boolean') return answer;
  throw new InputError(`${origin} cannot be searched with the pattern /${pattern}/: ${answer.problem}`, {
    remedy: 'write the pattern without repetitions inside of repetitions, such as (a+)+ or (.*,)*',
  });
}
