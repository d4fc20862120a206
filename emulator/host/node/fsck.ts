// SPDX-License-Identifier: MIT
/** Filesystem checkers of the host, run on a copy of a volume. */
import type { Filesystem } from '../../verify/disk/partitions.js';
import type { CheckResult, Condition } from '../../verify/proofs.js';
import type { ByteSource } from '../../verify/source.js';
import { command } from './process.js';
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

async function run(
  checker: Checker,
  [program = '', ...args]: readonly string[],
  path: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly status: number; readonly output: readonly string[] }> {
  const { status, stdout, stderr, truncated } = await command(
    program,
    [...args, path],
    { signal },
    {
      okStatuses: 'any',
      timeoutMs: TIMEOUT_MS,
      outputBytesMax: OUTPUT_BYTES_MAX,
      remedy: `apt-get install ${checker.package}`,
    },
  );
  const output = `${stdout}${stderr}`
    .split('\n')
    .map((line) => line.replaceAll(path, 'the volume').trimEnd())
    .filter((line) => line !== '');
  return { status, output: truncated ? [...output, '... and more'] : output };
}
