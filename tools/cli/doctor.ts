// SPDX-License-Identifier: MIT
/** `snapback doctor`, and the same check of the host before anything is built. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { lookAtCache, lookAtFolder, type FolderState } from '../../emulator/host/node/artifacts/room.js';
import {
  installCommand,
  installPrerequisites,
  missingPrerequisites,
  PURPOSE_NAMES,
  PURPOSES,
  type Purpose,
} from '../prerequisites.js';
import { EXIT } from '../../emulator/machine/errors.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { ownCommand } from '../run/own-command.js';
import { buildContext } from './build-context.js';
import type { CommandContext } from './context.js';

export interface DoctorOptions {
  readonly cure?: boolean;
}

/** Every run needs these. */
const FOR_RUNS: readonly Purpose[] = ['machine', 'kernel', 'userspace', 'disks', 'checks'];
/** `snapback validate`, and builds for it, need these, too. */
export const FOR_PATCHES: readonly Purpose[] = ['patches'];
/** The tests need these, too. */
export const FOR_TESTS: readonly Purpose[] = [...FOR_PATCHES, 'qemu', 'browser', 'terminal', 'reports'];

/** Only a clone has tests and benchmarks, an installed package has none. */
const isClone = (): boolean => existsSync(packagePath('package-lock.json'));

/** What `--cure` installs besides what every run needs. */
export const curedPurposes = (hasTests: boolean): readonly Purpose[] => (hasTests ? FOR_TESTS : FOR_PATCHES);

/** Room for copies of volumes while filesystems are checked. */
const TEMPORARY_BYTES = 5e8;

/** Names missing prerequisites by purpose, and the command that installs them. Status 3 when runs would fail. */
export async function doctorCommand({ cure }: DoctorOptions, { signal }: CommandContext): Promise<number> {
  const { context, progress } = buildContext(signal);
  if (cure === true) {
    await ensurePrerequisites(context, curedPurposes(isClone()));
    progress.clear();
  }
  for (const purpose of isClone() ? PURPOSES : [...FOR_RUNS, ...curedPurposes(false)]) {
    const missing = missingPrerequisites(purpose);
    say(missing.length === 0, PURPOSE_NAMES[purpose]);
    for (const { needs, debianPackage } of missing) detail(`${needs} (Debian package ${debianPackage})`);
    if (missing.length > 0) detail(`cure: sudo ${installCommand(missing)}`);
  }
  const folders = [
    sayFolder(
      'the cache',
      await lookAtCache(context.cacheDir),
      `export SNAPBACK_CACHE=/a/folder/with/room    (or: ${ownCommand()} clean)`,
    ),
    sayFolder(
      'the folder for temporary files',
      await lookAtFolder(tmpdir(), TEMPORARY_BYTES),
      'export TMPDIR=/a/folder/with/room',
    ),
  ];
  return missingPrerequisites(...FOR_RUNS).length === 0 && folders.every((good) => good) ? EXIT.pass : EXIT.rigFailed;
}

function sayFolder(what: string, { dir, problem, freeBytes, neededBytes }: FolderState, cure: string): boolean {
  const good = problem === undefined && freeBytes >= neededBytes;
  say(good, `${what} ${dir}, ${gigabytes(freeBytes)} free`);
  if (problem !== undefined) detail(`cannot be written: ${problem}`);
  else if (!good) detail(`needs ${gigabytes(neededBytes)}`);
  if (!good) detail(`cure: ${cure}`);
  return good;
}

const say = (good: boolean, what: string): void => console.log(`${good ? 'ok      ' : 'missing '} ${what}`);
const detail = (text: string): void => console.log(`           ${text}`);
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * Installs what a run (and `more`) still needs, if that is possible without asking.
 * @throws RigError that names the missing prerequisites and the remedy, if it is not.
 */
export function ensurePrerequisites(context: BuildContext, more: readonly Purpose[] = []): Promise<void> {
  return installPrerequisites([...FOR_RUNS, ...more], context);
}
