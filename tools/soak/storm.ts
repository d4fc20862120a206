// SPDX-License-Identifier: MIT
/**
 * Storms: from one seed, the guest's program `storm` lets actors loose on a machine while it takes snapshots. Every seed
 * starts from the same checkpoint, so it runs alone as it runs among a thousand.
 */
import { Agent } from '../../emulator/agent/agent.js';
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { restoreAt, type BootStates, type Booter } from '../../emulator/cycle/boot.js';
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
  /** Who took part, as the guest says. */
  readonly cast: string;
  /** What went wrong, each with what it rests on. Empty when all was well. */
  readonly failures: readonly { readonly what: string; readonly details: readonly string[] }[];
  /** Snapshots taken, and calls refused (hibernation's among them), by the kernel's markers. */
  readonly taken: number;
  readonly refused: number;
  readonly instructions: number;
  readonly virtualMs: number;
}

/** Virtual time within which a storm must be over and the machine off: many times what any needs. */
const STORM_MS_MAX = 120_000;
const OFF_MS_MAX = 60_000;

/** A booted machine on which the devices are ready that actors play with. */
export function stormReady(storm: Storm): Promise<BootState> {
  return storm.states.obtain('storm', storm.booter, async () => {
    const recorder = await restoreAt(await storm.states.at('agentReady', storm.booter), storm.booter);
    try {
      const agent = await connect(recorder, storm.booter);
      const result = resultOf(await agent.exec(['storm', 'prepare']));
      if (result.exitCode !== 0)
        throw new GuestError('the guest cannot prepare for storms', { consoleTail: outputLines(result) });
      return { checkpoint: await recorder.machine.checkpoint(), seen: recorder.seen() };
    } finally {
      await recorder.machine.close();
    }
  });
}

/** Runs one storm and turns the machine off. @throws RigError; what the guest does wrong is in the outcome. */
export async function runStorm(storm: Storm, ready: BootState, seed: number): Promise<StormOutcome> {
  const recorder = await restoreAt(ready, storm.booter);
  const failures: { what: string; details: readonly string[] }[] = [];
  let cast = '';
  try {
    const agent = await connect(recorder, storm.booter);
    const result = resultOf(await agent.exec(['storm', 'run', String(seed)], { virtualMsMax: STORM_MS_MAX }));
    cast = /^seed \d+: (.*)$/m.exec(result.stdout)?.[1] ?? '';
    if (result.exitCode !== 0)
      failures.push({ what: `storm ended with status ${result.exitCode}`, details: outputLines(result) });
    const off = await agent.powerOff({ virtualMsMax: OFF_MS_MAX });
    if (off.why !== 'halted')
      failures.push({
        what: `awaited the machine to power off, but it stopped otherwise (${off.why})`,
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
 * What the kernel says when it refuses to hibernate or to snapshot: under a storm that is in order, and the caller's
 * error number is judged by the guest.
 */
const isRefusal = (what: string): boolean => /^(?:suspendFailed|freezeRefused|outOfMemory): /.test(what);

/** Writes to the first disk, which holds the root filesystem alone, after the first snapshot: the live timeline may not. */
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
