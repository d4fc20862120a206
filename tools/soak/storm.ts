// SPDX-License-Identifier: MIT
/**
 * Storms: the guest's program `storm` runs random actors, determined by a seed, while it takes snapshots. Every seed
 * starts from the same checkpoint, so a seed gives the same run alone as among a thousand. On an engine without
 * checkpoints, every seed boots a machine of its own.
 */
import { Agent } from '../../emulator/agent/agent.js';
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { machineAt, restoreAt, type BootStates, type Booter } from '../../emulator/cycle/boot.js';
import { outputLines, resultOf } from '../../emulator/cycle/commands.js';
import type { Proofs } from '../../emulator/cycle/proofs.js';
import type { Recorder, Seen } from '../../emulator/cycle/recorder.js';
import { consoleTail } from '../../emulator/cycle/stop.js';
import { GuestError } from '../../emulator/machine/errors.js';
import { stepBegin, stepEnd } from '../../emulator/machine/markers.js';

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

/** The start of each storm: a booted machine with the devices that the actors use. Undefined without checkpoints. */
export async function stormReady(storm: Storm): Promise<BootState | undefined> {
  const { states, booter } = storm;
  if (!booter.engine.traits.checkpoints) return undefined;
  return states.obtain('storm', booter, async () => {
    const recorder = await prepared(storm);
    try {
      return { checkpoint: await recorder.machine.checkpoint(), seen: recorder.seen() };
    } finally {
      await recorder.machine.close();
    }
  });
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
    return { seed, cast: '', failures, taken: 0, refused: 0, instructions: 0, virtualMs: 0 };
  }
  const failures: { what: string; details: readonly string[] }[] = [];
  let cast = '';
  try {
    const agent = await connect(recorder, storm.booter);
    const result = resultOf(await agent.exec(kind.command(seed), { virtualMsMax: STORM_MS_MAX * kind.lengthFactor }));
    cast = /^seed \d+: (.*)$/m.exec(result.stdout)?.[1] ?? '';
    if (result.exitCode !== 0)
      failures.push({ what: `storm ended with status ${result.exitCode}`, details: outputLines(result) });
    const off = await agent.powerOff({ virtualMsMax: OFF_MS_MAX });
    if (off.why !== 'halted')
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
  failures.push(...originWrites(seen));
  const taken = seen.markers.filter(({ kind }) => kind === stepEnd('substitute')).length;
  const refused = seen.markers.filter(({ kind, word1 }) => kind === stepEnd('call') && word1 !== 0).length;
  return { seed, cast, failures, taken, refused, instructions: seen.instructions, virtualMs: seen.virtualMs };
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

/** Failures for writes to the first disk (only the root filesystem) after the first snapshot: these are forbidden. */
function originWrites({ markers, writes }: Pick<Seen, 'markers' | 'writes'>): StormOutcome['failures'] {
  const substituted = markers.findIndex(({ kind }) => kind === stepEnd('substitute'));
  const copied = markers.slice(0, Math.max(0, substituted)).findLast(({ kind }) => kind === stepBegin('copy'));
  if (!copied) return [];
  const wrong = (writes[0] ?? []).filter(({ instruction }) => instruction >= copied.instruction);
  if (wrong.length === 0) return [];
  const shown = wrong
    .slice(0, 10)
    .map(
      ({ sector, bytes, instruction }) =>
        `${bytes.length / 512} sectors from sector ${sector}, at instruction ${instruction}`,
    );
  return [
    { what: `${wrong.length} writes reached the root filesystem's disk after the first snapshot`, details: shown },
  ];
}
