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
import type { TimelineOutcome } from '../../../emulator/cycle/outcome.js';
import { createV86Engine } from '../../../emulator/engines/v86/host-node/engine.js';
import { byteCache } from '../../../emulator/host/node/byte-cache.js';
import type { MachineFiles } from '../../run/machine-files.js';
import { nodeMatcher } from '../../../emulator/host/node/matcher.js';
import { nodeProofs } from '../../../emulator/host/node/proofs.js';
import { sha256Hex } from '../../../emulator/host/node/sha256.js';
import type { Engine } from '../../../emulator/machine/contract.js';
import { GuestError, RigError } from '../../../emulator/machine/errors.js';
import { stepBegin } from '../../../emulator/machine/markers.js';
import { SECTOR_BYTES } from '../../../emulator/machine/units.js';
import { sourceOf } from '../../../emulator/verify/source.js';
import { volumes, type Volume } from '../../../emulator/verify/disk/partitions.js';
import { CHECK_HELD, keep, keepFromFiles, keepShare } from './workload.js';
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

const suspend = (method: SuspendMethod): Step => ({ do: 'suspend', method, offMs: 0, whileSaving: [], faults: [] });

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
