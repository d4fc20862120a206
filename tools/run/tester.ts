// SPDX-License-Identifier: MIT
/** Who has had a validation done, for the trailer of its summary. */
import { command } from '../../emulator/host/node/process.js';
import type { Tester } from '../../emulator/validate/text.js';

/** Real time in ms after which git, which reads a few small files, is not waited for. */
const TIMEOUT_MS = 10_000;

/**
 * The user by the name and the address that git has in its configuration in the folder `dir`; undefined when one of them is not there, or
 * git is not. What git would make up from the account's name is nobody's address.
 */
export async function testerIn(dir: string): Promise<Tester | undefined> {
  try {
    const [name, mail] = [await configured(dir, 'user.name'), await configured(dir, 'user.email')];
    return name === '' || mail === '' ? undefined : { name, mail };
  } catch {
    // A summary without the trailer is as good.
    return undefined;
  }
}

/** A value of git's configuration; empty when it is not set. */
async function configured(dir: string, key: string): Promise<string> {
  // A report is written after Ctrl-C, too, so no signal ends this.
  const { stdout } = await command('git', ['config', '--get', key], new AbortController(), {
    cwd: dir,
    okStatuses: [0, 1],
    timeoutMs: TIMEOUT_MS,
  });
  return stdout.trim();
}
