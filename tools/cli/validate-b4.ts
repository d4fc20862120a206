// SPDX-License-Identifier: MIT
/**
 * What a check of `b4 review` is about. b4 runs the command at the top of the git tree, with a mail on standard input: a patch, or what
 * stands for the series, which is its cover letter, or its first patch if it has none. Of a series that is checked out on a branch for
 * review, an environment variable names a file with what b4 knows of it. The branch need not be the one that is checked out now.
 */
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { InputError } from '../../emulator/machine/errors.js';
import { trackedSeries, type TrackedSeries } from '../../emulator/validate/b4-series.js';
import { isCoverLetter, messageIdOf, type PatchText } from '../../emulator/validate/patch-text.js';
import { readCommits, readPatchTexts, STDIN } from './validate-input.js';

/** Names the file with what b4 knows of the series. */
export const TRACKING_FILE = 'B4_TRACKING_FILE';

/** What b4 gives to a check. */
export interface B4Check {
  readonly input: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory. */
  readonly dir: string;
}

/**
 * The patches of the whole series for the mail that stands for it, and the mail itself for another one.
 * @throws InputError when there is no mail, or b4 has no commits of the series.
 */
export async function readB4Patches(
  { input, env, dir }: B4Check,
  context: Pick<BuildContext, 'signal'>,
): Promise<readonly PatchText[]> {
  const series = await readSeries(env[TRACKING_FILE]);
  const mails = await readPatchTexts([STDIN], input);
  const isOfSeries = (mail: PatchText): boolean =>
    series !== undefined && series.messageId !== '' ? messageIdOf(mail) === series.messageId : isCoverLetter(mail);
  if (!mails.some((mail) => isOfSeries(mail) || isCoverLetter(mail))) return mails;
  const remedy = 'check the series out in `b4 review`, so that it has a branch, and run the checks again there (key R)';
  if (!series) throw new InputError('b4 does not tell where the commits of this series are', { remedy });
  // A thread can have the cover letters of several versions.
  if (!mails.some(isOfSeries)) throw new InputError('the branch of b4 has another version of this series', { remedy });
  try {
    return await readCommits(dir, series.range, context);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new InputError(cause.message, { cause, remedy });
  }
}

async function readSeries(file = ''): Promise<TrackedSeries | undefined> {
  if (file === '') return undefined;
  // Without it, a patch can still be judged.
  return trackedSeries(await readFile(file, 'utf8').catch(() => ''));
}
