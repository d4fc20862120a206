// SPDX-License-Identifier: MIT
/** A work tree beside an opened tree, to go through its commits without touching it. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { BASE_TAG, gitIn } from './series.js';

/** What git prints, asked in the folder `dir` of an opened tree. @throws RigError when git fails. */
export const git = async (dir: string, args: readonly string[], context: BuildContext): Promise<string> =>
  (await gitIn(dir, context, 'open the tree anew with tools/kernel.ts open')(args)).stdout;

/**
 * The folder `source` in `beside`, with the pristine tree when it is new. It is kept, so that the next use is faster.
 * A folder that could not be completed is removed.
 */
export async function workTree(tree: string, beside: string, context: BuildContext): Promise<string> {
  const source = join(beside, 'source');
  if (existsSync(source)) return source;
  context.progress(`making a work tree: ${source}`);
  try {
    // Force given twice: git may still have an interrupted work tree registered and locked.
    await git(tree, ['worktree', 'add', '-q', '--force', '--force', '--detach', source, BASE_TAG], context);
  } catch (error) {
    await rm(source, { recursive: true, force: true });
    throw error;
  }
  return source;
}
