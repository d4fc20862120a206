// SPDX-License-Identifier: MIT
/**
 * Storms: the guest's program `storm` runs random actors, determined by a seed, while it takes snapshots, goes back to them,
 * resumes from their images and commits their live timelines. Every seed starts from the same checkpoint, so on a
 * deterministic engine a seed gives the same run alone as among a thousand. On an engine without checkpoints, every seed boots
 * a machine of its own.
 */
import { Agent } from '../../emulator/agent/agent.js';
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { hasEqualBoots, machineAt, restoreAt, type BootStates, type Booter } from '../../emulator/cycle/boot.js';
import { outputLines, resultOf } from '../../emulator/cycle/commands.js';
import type { Proofs } from '../../emulator/cycle/proofs.js';
import type { Recorder, Seen } from '../../emulator/cycle/recorder.js';
import { consoleTail } from '../../emulator/cycle/stop.js';
import { GuestError } from '../../emulator/machine/errors.js';
import { MARKER_SCENARIO, stepBegin, stepEnd } from '../../emulator/machine/markers.js';
import { SECTOR_BYTES } from '../../emulator/machine/units.js';
import { volumes, type Volume } from '../../emulator/verify/disk/partitions.js';
import { sourceOf } from '../../emulator/verify/source.js';

export interface Storm {
  readonly booter: Booter;
  readonly states: BootStates;
  readonly proofs: Pick<Proofs, 'console'>;
}

export interface StormOutcome {
  readonly seed: number;
  /** The actors that took part, from the guest's output. */
  readonly cast: string;
  /** The failures, each with its evidence. Empty when there were none. */
  readonly failures: readonly { readonly what: string; readonly details: readonly string[] }[];
  /** Snapshots taken, and calls refused (hibernation's among them), by the kernel's markers. */
  readonly taken: number;
  readonly refused: number;
  /** Live timelines that ended by a rollback, by a resume of their image in the same boot, and by a commit. */
  readonly rolledBack: number;
  readonly resumed: number;
  readonly committed: number;
  readonly instructions: number;
  readonly virtualMs: number;
}

/**
 * Virtual time within which the devices of a storm must be there, the storm must end and the machine be off: many times
 * the time that any storm needs. The engine's patience comes to it.
 */
const PREPARE_MS_MAX = 30_000;
const STORM_MS_MAX = 120_000;
const OFF_MS_MAX = 60_000;

/**
 * The start of each storm: a booted machine with the devices that the actors use. Undefined without checkpoints. Where no
 * two boots are equal, each call boots a machine.
 */
export async function stormReady(storm: Storm): Promise<BootState | undefined> {
  const { states, booter } = storm;
  const { traits } = booter.engine;
  if (!traits.checkpoints.includes(booter.config.diskBus ?? 'ide')) return undefined;
  const make = async (): Promise<BootState> => {
    const recorder = await prepared(storm);
    try {
      return { checkpoint: await recorder.machine.checkpoint(), seen: recorder.seen() };
    } finally {
      await recorder.machine.close();
    }
  };
  return hasEqualBoots(traits) ? states.obtain('storm', booter, make) : make();
}

/** What a seed runs in the guest. */
export interface StormKind {
  readonly command: (seed: number) => readonly string[];
  /** How many times the time of a storm of all actors it may take. */
  readonly lengthFactor: number;
}

const ALL_ACTORS: StormKind = { command: (seed) => ['storm', 'run', String(seed)], lengthFactor: 1 };

/** Threads on all processors that do everything to their memory while so many snapshots are taken. */
export const memoryStorm = (snapshots: number): StormKind => ({
  command: (seed) => ['storm', 'memory', String(seed), String(snapshots)],
  lengthFactor: Math.max(1, snapshots / 5),
});

/** A booted machine with the devices that the actors use. @throws GuestError */
async function prepared({ booter, states }: Storm): Promise<Recorder> {
  const recorder = await machineAt('agentReady', booter, states);
  try {
    const agent = await connect(recorder, booter);
    const result = resultOf(await agent.exec(['storm', 'prepare'], { virtualMsMax: PREPARE_MS_MAX }));
    if (result.exitCode !== 0)
      throw new GuestError('the guest cannot prepare for storms', { consoleTail: outputLines(result) });
    return recorder;
  } catch (error) {
    await recorder.machine.close();
    throw error;
  }
}

/**
 * Runs one storm and turns the machine off. Failures of the guest are in the outcome, also those of a machine that does
 * not get to the start of the storm: the other seeds are worth running all the same.
 * @throws RigError
 */
export async function runStorm(
  storm: Storm,
  ready: BootState | undefined,
  seed: number,
  kind: StormKind = ALL_ACTORS,
): Promise<StormOutcome> {
  let recorder: Recorder;
  try {
    recorder = ready === undefined ? await prepared(storm) : await restoreAt(ready, storm.booter);
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    const failures = [{ what: error.message, details: error.consoleTail }];
    return {
      seed,
      cast: '',
      failures,
      taken: 0,
      rolledBack: 0,
      resumed: 0,
      committed: 0,
      refused: 0,
      instructions: 0,
      virtualMs: 0,
    };
  }
  const failures: { what: string; details: readonly string[] }[] = [];
  let cast = '';
  let isOff = false;
  try {
    const agent = await connect(recorder, storm.booter);
    const result = resultOf(await agent.exec(kind.command(seed), { virtualMsMax: STORM_MS_MAX * kind.lengthFactor }));
    cast = /^seed \d+: (.*)$/m.exec(result.stdout)?.[1] ?? '';
    if (result.exitCode !== 0)
      failures.push(
        { what: `storm ended with status ${result.exitCode}`, details: outputLines(result) },
        { what: 'what the kernel said until then', details: consoleTail(recorder.seen().console) },
      );
    const off = await agent.powerOff({ virtualMsMax: OFF_MS_MAX });
    isOff = off.why === 'halted';
    if (!isOff)
      failures.push({
        what: `the machine should have powered off, but it stopped for another reason (${off.why})`,
        details: consoleTail(recorder.seen().console),
      });
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    failures.push({ what: error.message, details: error.consoleTail });
  } finally {
    await recorder.machine.close();
  }
  const seen = recorder.seen();
  for (const { what, details } of storm.proofs.console(seen.console))
    if (!isRefusal(what)) failures.push({ what, details });
  const { live, restored, ...ends } = livesOf(seen.markers);
  const store = storeOf(storm.booter.config.disks[STORE_DISK]?.base);
  failures.push(...originWrites(seen.writes, live), ...keptStores(seen.writes, restored, store, isOff));
  const refused = seen.markers.filter(({ kind, word1 }) => kind === stepEnd('call') && word1 !== 0).length;
  return { seed, cast, failures, ...ends, refused, instructions: seen.instructions, virtualMs: seen.virtualMs };
}

async function connect({ machine }: Recorder, { signal }: Booter): Promise<Agent> {
  const agent = new Agent(machine, { ...(signal && { signal }) });
  await agent.connect();
  return agent;
}

/**
 * Messages of the kernel when it refuses hibernation or snapshot(2). During a storm that is allowed; the guest checks
 * the error number that the caller gets.
 */
const isRefusal = (what: string): boolean => /^(?:suspendFailed|freezeRefused|outOfMemory): /.test(what);

/** From an instruction on, to another (exclusive). */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What became of the snapshots of a storm, by the markers of the kernel and of the guest's program. */
export interface Lives {
  readonly taken: number;
  readonly rolledBack: number;
  readonly resumed: number;
  readonly committed: number;
  /** When nothing may be written to the origins. */
  readonly live: readonly Stretch[];
  /** From a rollback or a resume that leaves no live timeline to the next snapshot: there is no store then. */
  readonly restored: readonly Stretch[];
}

/**
 * Markers of the guest's program (guest-kernel/userspace/storm/resume.c), word0 = whose image. saved: it is the image of the
 * youngest snapshot. restoring: it is about to be restored; 0 says that this has failed.
 */
export const IMAGE = { saved: MARKER_SCENARIO + 1, restoring: MARKER_SCENARIO + 2 } as const;

/**
 * A live timeline lasts from the copy of its memory until it is rolled back or its image is restored, or until its commit
 * begins to write to the origins. Those that are none of it go on with their store; a younger one is then merged into that.
 */
export function livesOf(markers: Seen['markers']): Lives {
  const live: Stretch[] = [];
  const restored: Stretch[] = [];
  const count = { taken: 0, rolledBack: 0, resumed: 0, committed: 0 };
  let depth = 0;
  let copied = 0;
  let goingBack = false;
  let from = 0;
  let restoredAt: number | undefined;
  /** Calls that have begun and not ended: now, at the last copy, and at the copy of each live timeline. */
  let open = 0;
  let openAtCopy = 0;
  const openAt = new Map<number, number>();
  /** By whose image it is: how many live timelines there were when it was made, and how many calls. */
  const imageOf = new Map<number, { readonly depth: number; readonly open: number }>();
  let restoring = 0;
  const backTo = (wanted: number, calls: number, instruction: number): void => {
    if (wanted === 0 && depth > 0 && from < Infinity) live.push({ from, to: instruction });
    depth = wanted;
    open = calls;
    // Another call that waited for its turn at the copy continues without a new begin, and writes to its store.
    if (depth === 0 && open <= 1) restoredAt = instruction;
  };
  const endOfRestored = (to: number): void => {
    if (restoredAt !== undefined) restored.push({ from: restoredAt, to });
    restoredAt = undefined;
  };
  for (const { kind, word0, word1, instruction } of markers) {
    if (kind === stepBegin('call')) {
      endOfRestored(instruction);
      open++;
    } else if (kind === stepEnd('call')) open--;
    else if (kind === stepBegin('copy')) {
      copied = instruction;
      openAtCopy = open;
    } else if (kind === stepEnd('substitute')) {
      count.taken++;
      depth++;
      openAt.set(depth, openAtCopy);
      if (depth === 1) from = copied;
    } else if (kind === IMAGE.saved) imageOf.set(word0, { depth: depth - 1, open: openAt.get(depth) ?? 1 });
    else if (kind === IMAGE.restoring) restoring = word0;
    else if (kind === stepBegin('rollback')) goingBack = true;
    else if (kind === stepEnd('rollback')) goingBack = false;
    else if (kind === stepEnd('restore') && goingBack) {
      goingBack = false;
      count.rolledBack++;
      backTo(depth - 1, openAt.get(depth) ?? 1, instruction);
    } else if (kind === stepEnd('restore') && restoring !== 0) {
      count.resumed++;
      const image = imageOf.get(restoring) ?? { depth: 0, open: 1 };
      backTo(image.depth, image.open, instruction);
      restoring = 0;
    } else if (kind === stepBegin('commit') && depth === 1 && from < Infinity) {
      // What has been merged stays, also when the rest cannot be.
      live.push({ from, to: instruction });
      from = Infinity;
    } else if (kind === stepEnd('commit') && word1 === 0) {
      count.committed++;
      depth--;
    }
  }
  if (depth > 0 && from < Infinity) live.push({ from, to: Infinity });
  endOfRestored(Infinity);
  return { ...count, live, restored };
}

/** Where the callers have their store if it is on a disk. */
const STORE_DISK = 1;
const STORE_DEVICE = 'sdb1';
const storeOf = (base: Uint8Array | undefined): Volume | undefined =>
  base && volumes(sourceOf(base), 'sdb').find(({ device }) => device === STORE_DEVICE);

/** Failures of a restored system whose writes go to the store of the live timeline, and not to the root filesystem's disk. */
export function keptStores(
  writes: Seen['writes'],
  restored: readonly Stretch[],
  store: Volume | undefined,
  isOff: boolean,
): StormOutcome['failures'] {
  const within = (disk: number, { from, to }: Stretch) =>
    (writes[disk] ?? []).filter(({ instruction }) => instruction >= from && instruction < to);
  const toStore = restored
    .flatMap((stretch) => within(STORE_DISK, stretch))
    .filter(
      ({ sector, bytes }) =>
        store !== undefined &&
        sector < store.startSector + store.sectors &&
        sector + bytes.length / SECTOR_BYTES > store.startSector,
    );
  // The shutdown unmounts the root filesystem, and writes to its disk for that.
  const last = restored.at(-1);
  const isMissed = isOff && last?.to === Infinity && within(0, last).length === 0;
  return [
    ...(toStore.length > 0
      ? [{ what: `${toStore.length} writes of a restored system reached the store on ${STORE_DEVICE}`, details: [] }]
      : []),
    ...(isMissed
      ? [{ what: "nothing that the restored system wrote reached the root filesystem's disk", details: [] }]
      : []),
  ];
}

/** Failures for writes to the first disk (only the root filesystem) in a live timeline: these are forbidden. */
function originWrites(writes: Seen['writes'], live: Lives['live']): StormOutcome['failures'] {
  const wrong = (writes[0] ?? []).filter(({ instruction }) =>
    live.some(({ from, to }) => instruction >= from && instruction < to),
  );
  if (wrong.length === 0) return [];
  const shown = wrong
    .slice(0, 10)
    .map(
      ({ sector, bytes, instruction }) =>
        `${bytes.length / SECTOR_BYTES} sectors from sector ${sector}, at instruction ${instruction}`,
    );
  return [{ what: `${wrong.length} writes reached the root filesystem's disk in a live timeline`, details: shown }];
}
