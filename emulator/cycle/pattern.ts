// SPDX-License-Identifier: MIT
/**
 * Patterns: the regular expressions of scenarios, what they mean, and how a text is matched with them.
 *
 * A pattern is searched for anywhere in a text. `^` and `$` stand for the beginning and the end of the whole text, never of
 * a line within it; `$` also matches before a newline that ends the text, since nearly all output ends with one.
 */
import { messageOf } from '../console/faults.js';
import { InputError } from '../machine/errors.js';

/** A question that a host answers: does `source` with `flags` match one of `texts`? */
export interface MatchQuestion {
  readonly source: string;
  readonly flags: string;
  readonly texts: readonly string[];
}

/**
 * Answers a question within a bound of its own. A problem is why it cannot: some patterns make a search go on and on. The
 * bound decides only about giving up, so it may be one of host time.
 */
export type Matcher = (question: MatchQuestion) => Promise<boolean | { readonly problem: string }>;

const FLAGS = 'u';

/** Far more than anybody writes; much longer ones make V8 end the process. */
const LENGTH_MAX = 10_000;

/** Why `source` is no pattern, or undefined when it is one. */
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
 * Whether `text`, which `origin` names for people, matches `pattern`.
 * @throws InputError when the matcher cannot answer: the search does not come to an end.
 */
export async function matches(pattern: string, text: string, origin: string, matcher: Matcher): Promise<boolean> {
  const texts = text.endsWith('\n') ? [text, text.slice(0, -1)] : [text];
  return ask(pattern, texts, `${origin} (${text.length} characters)`, matcher);
}

/**
 * Whether one of `lines` of a console, which `origin` names for people, matches `pattern`. Each counts as it stands and without
 * the kernel's time stamp.
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
