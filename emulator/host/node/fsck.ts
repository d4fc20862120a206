// SPDX-License-Identifier: MIT
/** Filesystem checkers of the host, run on a copy of a volume. */
import type { MountedOnce } from '../../cycle/mount-once.js';
import { withoutDirtyBit } from '../../verify/disk/fat.js';
import type { Filesystem } from '../../verify/disk/partitions.js';
import type { CheckResult, Condition } from '../../verify/proofs.js';
import type { ByteSource } from '../../verify/source.js';
import { command } from './process.js';
import { withVolumeCopy } from './volume-copy.js';

interface Checker {
  readonly package: string;
  /** Checks and changes nothing. */
  readonly check: readonly string[];
  /** Replays the journal like the next mount, removes files without names, and does nothing else. */
  readonly replay?: readonly string[];
  /** A line of `check` that says that a journal waits which no program can replay, only a kernel. */
  readonly kernelReplays?: RegExp;
}

/** Mounts and unmounts a copy of a volume by a kernel. */
export type MountOnce = (volume: ByteSource, filesystem: Filesystem) => Promise<MountedOnce>;

const E2FSCK: Checker = {
  package: 'e2fsprogs',
  check: ['e2fsck', '-f', '-n'],
  replay: ['e2fsck', '-y', '-E', 'journal_only'],
};

const CHECKERS: Partial<Record<Filesystem, Checker>> = {
  ext2: E2FSCK,
  ext3: E2FSCK,
  ext4: E2FSCK,
  xfs: {
    package: 'xfsprogs',
    check: ['xfs_repair', '-n'],
    kernelReplays: /valuable metadata changes in a log/,
  },
  btrfs: { package: 'btrfs-progs', check: ['btrfs', 'check', '--readonly'] },
  f2fs: { package: 'f2fs-tools', check: ['fsck.f2fs', '--dry-run'] },
  vfat: { package: 'dosfstools', check: ['fsck.fat', '-n'] },
};

const TIMEOUT_MS = 120_000;
const OUTPUT_BYTES_MAX = 1 << 20;

export interface CheckOptions {
  /** When it aborts, the checker ends and the check rejects with the reason. */
  readonly signal?: AbortSignal;
  /** Replays journals that only a kernel can replay. Without it, the volume is judged as it is. */
  readonly mountOnce?: MountOnce;
  /** The journal of an ext3 or ext4 filesystem, if it is on another volume. */
  readonly journal?: ByteSource | undefined;
}

/**
 * Checks a filesystem; undefined when there is no checker for it. If the filesystem was in use, its journal is replayed
 * first, as by the next mount, and its mark for being in use is no fault. If it was frozen, files without names are
 * removed, and a journal that has to be replayed is a fault.
 * @throws RigError when the checker is missing, does not end in time, or the host's disk is full.
 */
export async function checkFilesystem(
  volume: ByteSource,
  filesystem: Filesystem,
  condition: Condition,
  { signal, mountOnce, journal }: CheckOptions = {},
): Promise<CheckResult | undefined> {
  const checker = CHECKERS[filesystem];
  if (checker === undefined) return undefined;
  if (journal !== undefined)
    return withVolumeCopy(journal, async (path) => {
      const found = await lookAt(volume, filesystem, withJournal(checker, path), condition, signal);
      const output = found.output.map((line) => line.replaceAll(path, 'the journal'));
      return { ...found, checker: checker.check.join(' '), output };
    });
  const unmounted = condition === 'inUse' && filesystem === 'vfat' ? withoutDirtyBit(volume) : volume;
  const found = await lookAt(unmounted, filesystem, checker, condition, signal);
  const waits = (result: CheckResult): boolean =>
    result.output.some((line) => checker.kernelReplays?.test(line) === true);
  if (condition !== 'inUse' || !mountOnce || !waits(found)) return found;
  // What the checker says of a journal that waits is worth nothing, neither good nor bad.
  const mounted = await mountOnce(volume, filesystem);
  if ('problem' in mounted)
    return { checker: 'mount', clean: false, output: [mounted.problem, ...mounted.consoleTail] };
  const after = await lookAt(mounted.volume, filesystem, checker, 'left', signal);
  return { checker: `${after.checker} after a mount`, clean: after.clean && !waits(after), output: after.output };
}

/** The programs for ext3 and ext4 with the copy of a journal, which they may change as well. */
const withJournal = (checker: Checker, path: string): Checker => ({
  ...checker,
  check: [...checker.check, '-j', path],
  ...(checker.replay && { replay: [...checker.replay, '-j', path] }),
});

/** What the host's program says of a copy. */
async function lookAt(
  volume: ByteSource,
  filesystem: Filesystem,
  checker: Checker,
  condition: Condition,
  signal: AbortSignal | undefined,
): Promise<CheckResult> {
  return withVolumeCopy(volume, async (path) => {
    const prepared =
      condition !== 'left' && checker.replay !== undefined
        ? (await run(checker, checker.replay, path, signal)).output
        : [];
    const { status, output } = await run(checker, checker.check, path, signal);
    const complaint =
      status !== 0 || (filesystem === 'f2fs' && output.some((line) => /\[FIX\]|Corruption|\[ASSERT\]/.test(line)));
    // A journal that has to be replayed means that the filesystem was neither unmounted nor frozen.
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
