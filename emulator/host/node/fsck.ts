// SPDX-License-Identifier: MIT
/** Filesystem checkers of the host, run on a copy of a volume. */
import { execFile } from 'node:child_process';
import { RigError } from '../../machine/errors.js';
import type { Filesystem } from '../../verify/disk/partitions.js';
import type { CheckResult, Condition } from '../../verify/proofs.js';
import type { ByteSource } from '../../verify/source.js';
import { withVolumeCopy } from './volume-copy.js';

interface Checker {
  readonly package: string;
  /** Look, and change nothing. */
  readonly check: readonly string[];
  /** Replay the journal as the next mount would, remove files that have no name, and do nothing else. */
  readonly replay?: readonly string[];
}

const E2FSCK: Checker = {
  package: 'e2fsprogs',
  check: ['e2fsck', '-f', '-n'],
  replay: ['e2fsck', '-y', '-E', 'journal_only'],
};

const CHECKERS: Partial<Record<Filesystem, Checker>> = {
  ext2: E2FSCK,
  ext3: E2FSCK,
  ext4: E2FSCK,
  xfs: { package: 'xfsprogs', check: ['xfs_repair', '-n'] },
  btrfs: { package: 'btrfs-progs', check: ['btrfs', 'check', '--readonly'] },
  f2fs: { package: 'f2fs-tools', check: ['fsck.f2fs', '--dry-run'] },
  vfat: { package: 'dosfstools', check: ['fsck.fat', '-n'] },
};

const TIMEOUT_MS = 120_000;
const OUTPUT_BYTES_MAX = 1 << 20;

/**
 * Checks a filesystem. What its machine would have done at the next mount is done first; only that one which was frozen must
 * have no journal to be replayed. Undefined when there is no checker for it. When `signal` aborts, the checker ends, and this rejects with the reason.
 * @throws RigError when the checker is missing, does not end in time, or the host's disk is full.
 */
export async function checkFilesystem(
  volume: ByteSource,
  filesystem: Filesystem,
  condition: Condition,
  signal?: AbortSignal,
): Promise<CheckResult | undefined> {
  const checker = CHECKERS[filesystem];
  if (checker === undefined) return undefined;
  return withVolumeCopy(volume, async (path) => {
    const prepared =
      condition !== 'left' && checker.replay !== undefined
        ? (await run(checker, checker.replay, path, signal)).output
        : [];
    const { status, output } = await run(checker, checker.check, path, signal);
    const complaint =
      status !== 0 || (filesystem === 'f2fs' && output.some((line) => /\[FIX\]|Corruption|\[ASSERT\]/.test(line)));
    // A journal that waits for its replay means that the filesystem was neither left properly nor frozen.
    const needsReplay = [...(condition === 'frozen' ? prepared : []), ...output].some((line) =>
      /skipping journal recovery|recovering journal/i.test(line),
    );
    return {
      checker: checker.check.join(' '),
      clean: !complaint && !needsReplay,
      output: needsReplay ? [...prepared, ...output] : output,
    };
  });
}

function run(
  checker: Checker,
  [program = '', ...args]: readonly string[],
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ status: number; output: string[] }> {
  // The checkers live in sbin, which the PATH of an ordinary user leaves out.
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8' };
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    execFile(
      program,
      [...args, path],
      { env, timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, killSignal: 'SIGKILL', ...(signal && { signal }) },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`
          .split('\n')
          .map((line) => line.replaceAll(path, 'the volume').trimEnd())
          .filter((line) => line !== '');
        if (error === null) resolve({ status: 0, output });
        else if (signal?.aborted === true) reject(signal.reason as Error);
        else if (typeof error.code === 'number') resolve({ status: error.code, output });
        else if (error.code === 'ENOENT')
          reject(
            new RigError(`${program} is not installed`, { cause: error, remedy: `apt-get install ${checker.package}` }),
          );
        // Who has so much to say finds fault.
        else if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
          resolve({ status: -1, output: [...output, '... and more'] });
        else if (performance.now() - startedMs >= TIMEOUT_MS)
          reject(
            new RigError(`${program} did not end within ${TIMEOUT_MS / 1000} s`, {
              cause: error,
              remedy: 'try again when this host has less to do',
            }),
          );
        else
          reject(
            new RigError(`${program} was ended by ${error.signal ?? String(error.code)}`, {
              cause: error,
              remedy: 'try again; where it happens again, look at the installation of its package',
            }),
          );
      },
    );
  });
}
