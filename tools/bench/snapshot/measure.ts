// SPDX-License-Identifier: MIT
/**
 * Measures the cost of a method for the guest, and the largest memory that it can save. Both are counted in the guest,
 * so they are exact on any host.
 */
import { join } from 'node:path';
import { bootStates } from '../../../emulator/cycle/boot.js';
import type { Span } from '../../../emulator/cycle/frozen.js';
import type { Plan, Step, SuspendMethod } from '../../../emulator/cycle/plan.js';
import { runTimeline } from '../../../emulator/cycle/timeline.js';
import type { CycleOutcome, TimelineOutcome } from '../../../emulator/cycle/outcome.js';
import { createV86Engine } from '../../../emulator/engines/v86/host-node/engine.js';
import { byteCache } from '../../../emulator/host/node/byte-cache.js';
import type { MachineFiles } from '../../run/machine-files.js';
import { nodeMatcher } from '../../../emulator/host/node/matcher.js';
import { nodeProofs } from '../../../emulator/host/node/proofs.js';
import { sha256Hex } from '../../../emulator/host/node/sha256.js';
import type { Engine, MarkerSeen } from '../../../emulator/machine/contract.js';
import { GuestError, RigError } from '../../../emulator/machine/errors.js';
import { stepBegin, stepEnd } from '../../../emulator/machine/markers.js';
import { PAGE_BYTES, SECTOR_BYTES } from '../../../emulator/machine/units.js';
import { sourceOf } from '../../../emulator/verify/source.js';
import { volumes, type Volume } from '../../../emulator/verify/disk/partitions.js';
import {
  CHECK_HELD,
  COMMIT_MIB,
  COPY,
  COPY_FILE,
  keep,
  keepFromFiles,
  keepShare,
  REWRITE_FILE,
  WRITE_FILE,
} from './workload.js';
import { largest } from './bisect.js';
import { observe, type Life } from './observe.js';

export interface Figures {
  /** The time for which userspace was stopped. */
  readonly frozen: Span;
  /** Of the image as the kernel hands it out. */
  readonly imageBytes: number;
  /** From the call to the last write of the image. */
  readonly saveInstructions: number;
}

/** Going back to a snapshot in the same machine, beside the resume of one in a new machine. Of the guest's time. */
export interface RollbackFigures {
  /** From the ioctl until the call returns again. */
  readonly rollbackMs: number;
  /** Of that, until all filesystems are thawed: each writes, and the first write waits for the reset of its disk. */
  readonly thawMs: number;
  /** From power-on until the call returns again, the boot included. */
  readonly resumeMs: number;
  /** From the ioctl until tasks run again, and what a snapshot takes from the freeze of the tasks to their thaw. */
  readonly standstillMs: number;
  readonly snapshotStandstillMs: number;
  /** What is held for it besides the copies, and all of RAM. */
  readonly heldPages: number;
  readonly memoryPages: number;
}

/** Where a live timeline's writes are before they are committed. */
export const COMMIT_STORES = ['device', 'memory'] as const;
export type CommitStore = (typeof COMMIT_STORES)[number];

/** A commit of what a live timeline has written, beside a plain copy of as much. Of the guest's time. */
export interface CommitFigures {
  readonly bytes: number;
  readonly commitMs: number;
  readonly copyMs: number;
}

export interface Capacity {
  /** In per cent; undefined when not even a small share can be saved. */
  readonly share: number | undefined;
  /** The failure with one per cent more. */
  readonly beyond?: string;
}

/** The inputs of the measurements. */
export interface Rig {
  readonly files: MachineFiles;
  readonly plan: (steps: readonly Step[]) => Plan;
  readonly cacheDir: string;
}

/** Range of the search for the largest share of RAM, in per cent. */
const SHARE_MIN = 20;
const SHARE_MAX = 95;

/**
 * Of the machines whose largest program is looked for: with huge pages, the kernel keeps megabytes of memory free for
 * them.
 */
export const CAPACITY_CMDLINE = 'transparent_hugepage=never';

/** The place of each method's image: disk number and volume. */
const IMAGE_VOLUME = { swsusp: 'sdb2', sys_snapshot: 'sdb3' } as const satisfies Record<SuspendMethod, string>;
const IMAGE_DISK = 1;

const suspend = (method: SuspendMethod): Extract<Step, { do: 'suspend' }> => ({
  do: 'suspend',
  method,
  offMs: 0,
  whileSaving: [],
  faults: [],
});

/**
 * Suspends and resumes a guest in which half of RAM is the anonymous memory of a program, with all proofs.
 * @throws GuestError when the cycle fails.
 */
export async function measureFigures(method: SuspendMethod, rig: Rig): Promise<Figures> {
  const { engine, lives } = observe(createV86Engine());
  const proofs: Step = { do: 'verify', proofs: ['memory', 'image', 'disk'] };
  const steps: readonly Step[] = [
    { do: 'boot' },
    keepFromFiles(rig.files.config.memoryMiB / 2),
    suspend(method),
    { do: 'resume', faults: [] },
    proofs,
    CHECK_HELD,
  ];
  const { cycles, findings } = await go(steps, rig, engine);
  const [found] = findings;
  if (found)
    throw new GuestError(
      `${method} did not bring a guest through in which half of RAM is one program's: ${found.what}`,
      { consoleTail: found.details },
    );
  const [cycle] = cycles;
  if (!cycle?.frozen || !cycle.image)
    throw new RigError(`the cycle by ${method} has no figures`, {
      remedy: "run a guest kernel that was built with the rig's markers",
    });
  return {
    frozen: cycle.frozen,
    imageBytes: cycle.image.bytes,
    saveInstructions: saveInstructions(method, lives, rig.files),
  };
}

/**
 * Goes back to a snapshot of the guest of {@link measureFigures}, and resumes one, with all proofs.
 * @throws GuestError when one of them fails.
 */
export async function measureRollback(rig: Rig): Promise<RollbackFigures> {
  const [back, resumed] = [await restoreBy('rollback', rig), await restoreBy('powerOff', rig)];
  const { frozen, memory } = back.cycle;
  const after = (marker: number): number => timeOf(back.restored, 'the rollback', marker);
  const ioctl = timeOf(back.markers, 'the rollback', stepBegin('rollback'));
  if (!frozen || !memory) throw withoutFigures('the rollback');
  return {
    rollbackMs: after(stepEnd('call')) - ioctl,
    thawMs: after(stepEnd('thawFilesystems')) - after(stepBegin('thawFilesystems')),
    resumeMs: timeOf(resumed.restored, 'the resume', stepEnd('call')),
    standstillMs: after(stepEnd('thawTasks')) - ioctl,
    snapshotStandstillMs: frozen.virtualMs,
    heldPages: memory.pagesByReason['rollback'] ?? 0,
    memoryPages: (rig.files.config.memoryMiB * 2 ** 20) / PAGE_BYTES,
  };
}

interface Restored {
  readonly cycle: CycleOutcome;
  /** All of the machine, and those since the restored kernel's first instruction. */
  readonly markers: readonly MarkerSeen[];
  readonly restored: readonly MarkerSeen[];
}

async function restoreBy(then: 'rollback' | 'powerOff', rig: Rig): Promise<Restored> {
  const { engine, lives } = observe(createV86Engine());
  const isBack = then === 'rollback';
  const steps: readonly Step[] = [
    { do: 'boot' },
    keepFromFiles(rig.files.config.memoryMiB / 2),
    isBack ? { ...suspend('sys_snapshot'), then } : suspend('sys_snapshot'),
    ...(isBack ? [] : [{ do: 'resume', faults: [] } as const]),
    { do: 'verify', proofs: isBack ? ['memory', 'disk'] : ['memory', 'image', 'disk'] },
    CHECK_HELD,
  ];
  const { cycles, findings } = await go(steps, rig, engine);
  const [found] = findings;
  if (found)
    throw new GuestError(`a ${isBack ? 'rollback' : 'resume'} failed: ${found.what}`, { consoleTail: found.details });
  const [cycle] = cycles;
  const markers = lives.at(-1)?.markers ?? [];
  const at = markers.findIndex(({ kind }) => kind === stepEnd('restore'));
  if (!cycle || at < 0) throw withoutFigures(then);
  return { cycle, markers, restored: markers.slice(at) };
}

function timeOf(markers: readonly MarkerSeen[], what: string, wanted: number): number {
  const marker = markers.find(({ kind }) => kind === wanted);
  if (!marker) throw withoutFigures(what);
  return marker.virtualMs;
}

const withoutFigures = (what: string): RigError =>
  new RigError(`${what} has no figures`, { remedy: "run a guest kernel that was built with the rig's markers" });

/**
 * Commits a live timeline that has rewritten a file, from a store on a device, with which the commit can be completed after a
 * loss of power, or from one in memory; and copies as much by dd from that device to the same file.
 * @throws GuestError when something fails.
 */
export async function measureCommit(store: CommitStore, rig: Rig): Promise<CommitFigures> {
  const { engine, lives } = observe(createV86Engine());
  const steps: readonly Step[] = [
    { do: 'boot' },
    WRITE_FILE,
    {
      ...suspend('sys_snapshot'),
      ...(store === 'memory' && { store }),
      then: 'commit',
      beforeSaving: [REWRITE_FILE],
    },
    COPY_FILE,
  ];
  const { findings } = await go(steps, rig, engine);
  const [found] = findings;
  if (found)
    throw new GuestError(`a commit from a store ${STORE_TEXT[store]} failed: ${found.what}`, {
      consoleTail: found.details,
    });
  const markers = lives.at(-1)?.markers ?? [];
  const between = (what: string, from: number, to: number): number =>
    timeOf(markers, what, to) - timeOf(markers, what, from);
  return {
    bytes: COMMIT_MIB * 2 ** 20,
    commitMs: between('the commit', stepBegin('commit'), stepEnd('commit')),
    copyMs: between('the copy', COPY.begin, COPY.end),
  };
}

export const STORE_TEXT = { device: 'on a device', memory: 'in memory' } as const satisfies Record<CommitStore, string>;

/** The largest share of RAM, in per cent, that can be one program's anonymous memory and be saved without swap. */
export async function measureCapacity(method: SuspendMethod, rig: Rig): Promise<Capacity> {
  const { memoryMiB } = rig.files.config;
  const engine = createV86Engine();
  const failures = new Map<number, string>();
  const share = await largest(SHARE_MIN, SHARE_MAX, async (tried) => {
    const steps: readonly Step[] = [
      { do: 'boot' },
      keepShare(method, keep(Math.floor((memoryMiB * tried) / 100))),
      suspend(method),
      { do: 'resume', faults: [] },
      CHECK_HELD,
    ];
    const { findings } = await go(steps, rig, engine);
    const [first] = findings;
    if (first) failures.set(tried, [first.what, ...first.details.slice(0, 1)].join(': '));
    return first === undefined;
  });
  const beyond = failures.get((share ?? SHARE_MIN - 1) + 1);
  return { share, ...(beyond !== undefined && { beyond }) };
}

function go(steps: readonly Step[], { files, plan, cacheDir }: Rig, engine: Engine): Promise<TimelineOutcome> {
  return runTimeline(plan(steps), steps, {
    booter: {
      engine,
      config: files.config,
      configKey: files.configKey,
      cache: byteCache(join(cacheDir, 'checkpoints')),
    },
    states: bootStates(),
    proofs: nodeProofs(files),
    matcher: nodeMatcher(),
    hash: sha256Hex,
    say: () => undefined,
  });
}

function saveInstructions(method: SuspendMethod, lives: readonly Life[], { config }: MachineFiles): number {
  const base = config.disks[IMAGE_DISK]?.base ?? new Uint8Array(0);
  const volume = volumes(sourceOf(base), 'sdb').find(({ device }) => device === IMAGE_VOLUME[method]);
  const life = lives.find(({ markers }) => markers.some(({ kind }) => kind === stepBegin('copy')));
  const call = life?.markers.find(({ kind }) => kind === stepBegin('call'));
  const last =
    volume && life?.writes[IMAGE_DISK]?.findLast(({ sector, bytes }) => isWithin(volume, sector, bytes.length));
  if (!call || !last)
    throw new RigError(`nothing says when ${method} was called, or when its image was saved`, {
      remedy: "run a guest kernel that was built with the rig's markers",
    });
  return last.instruction - call.instruction;
}

const isWithin = ({ startSector, sectors }: Volume, at: number, lengthBytes: number): boolean =>
  at >= startSector && at + lengthBytes / SECTOR_BYTES <= startSector + sectors;
