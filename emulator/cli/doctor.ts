// SPDX-License-Identifier: MIT
/** `snapback doctor`, and the same look at the host before anything is built. */
import type { BuildContext } from '../../tools/artifacts/context.js';
import { installCommand, installPrerequisites, missingPrerequisites, PURPOSE_NAMES, PURPOSES, type Purpose } from '../../tools/prerequisites.js';
import { EXIT } from '../machine/errors.js';

/** Without these nothing runs; the others are for tests of the browser and for the benchmark. */
const FOR_RUNS: readonly Purpose[] = ['machine', 'kernel', 'userspace', 'disks', 'checks'];

/** Names what is missing, purpose by purpose, and the command that cures it. */
export function doctorCommand(): number {
  for (const purpose of PURPOSES) {
    const missing = missingPrerequisites(purpose);
    console.log(`${missing.length === 0 ? 'ok      ' : 'missing '} ${PURPOSE_NAMES[purpose]}`);
    for (const { needs, debianPackage } of missing) console.log(`           ${needs} (Debian package ${debianPackage})`);
    if (missing.length > 0) console.log(`           cure: sudo ${installCommand(missing)}`);
  }
  return missingPrerequisites(...FOR_RUNS).length === 0 ? EXIT.pass : EXIT.rigFailed;
}

/**
 * Installs what is missing for a run (and for `more`) when that can be done without asking.
 * @throws RigError that names what is missing and its cure when it cannot.
 */
export function ensurePrerequisites(context: BuildContext, more: readonly Purpose[] = []): Promise<void> {
  return installPrerequisites([...FOR_RUNS, ...more], context);
}
