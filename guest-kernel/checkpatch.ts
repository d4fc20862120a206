// SPDX-License-Identifier: MIT
/** `checkpatch.pl --strict` of a kernel tree. */
import { join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { command } from '../emulator/host/node/process.js';

/** Complaints that do not apply to patches outside of the kernel's own repository, whose history a tree lacks. */
const IGNORED = ['FILE_PATH_CHANGES', 'UNKNOWN_COMMIT_ID'];
/** Those about the message of a patch that has none. */
const OF_MESSAGES = ['COMMIT_MESSAGE', 'MISSING_SIGN_OFF', 'NO_AUTHOR_SIGN_OFF'];

/** What checkpatch prints about some patches; nothing when it is content. `hasMessages`: they are mails, and not bare diffs. */
export async function checkpatch(
  tree: string,
  files: readonly string[],
  context: BuildContext,
  hasMessages = true,
): Promise<string> {
  const ignored = hasMessages ? IGNORED : [...IGNORED, ...OF_MESSAGES];
  const args = [
    '--strict',
    '--show-types',
    '--quiet',
    '--no-summary',
    '--max-line-length=100',
    '--ignore',
    ignored.join(','),
  ];
  const { status, stdout } = await command(join(tree, 'scripts/checkpatch.pl'), [...args, ...files], context, {
    cwd: tree,
    okStatuses: [0, 1],
    remedy: 'install perl',
  });
  return status === 0 ? '' : stdout.trim();
}
