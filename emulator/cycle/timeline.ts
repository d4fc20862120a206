// SPDX-License-Identifier: MIT
/** Drives one machine, over all its power cycles, through the steps of a plan. */
import { sectorEdits, triggersOf, type Fault } from '../faults/fault.js';
import { missedMistake } from '../faults/mistake.js';
import type { MachineConfig, MarkerSeen, ShareEntry } from '../machine/contract.js';
import { GuestError, InputError } from '../machine/errors.js';
import { readSectors } from '../disks/disk.js';
import { restoreAt, runToMarker, type Booter, type BootStage, type BootStates } from './boot.js';
import type { BootState } from './boot-state.js';
import { Agent } from '../agent/agent.js';
import type { Job } from '../agent/job.js';
import { frozenAcrossPowerOff, frozenInLiveTimeline } from './frozen.js';
import { judgeCommand, outputLines, resultOf, runCommand, shell, succeed } from './commands.js';
import { readKtap } from './ktap.js';
import type { CycleOutcome, Finding, TimelineOutcome } from './outcome.js';
import { unroll, type CommandStep, type Plan, type Proof, type Step } from './plan.js';
import { afterPowerOff, neverPowered, writesBetween, type PoweredOff } from './power.js';
import type { DiskState, Proofs, ResumeEvidence, SuspendEvidence } from './proofs.js';
import type { Recorder } from './recorder.js';
import { consoleTail } from './stop.js';
import { resumeFromDisk, suspendToDisk, type WentOff } from './swsusp.js';
import { frozenSince, snapshotAndGoOff, storesOf } from './sys-snapshot.js';

export interface TimelineDeps {
  readonly booter: Booter;
  readonly states: BootStates;
  readonly proofs: Proofs;
  /** SHA-256 in hexadecimal, of parts one after the other. */
  readonly hash: (parts: readonly Uint8Array[]) => Promise<string>;
  readonly say: (what: string) => void;
}

/** Virtual time within which the self-checks and a shutdown must come to their end. */
const SELFCHECK_MS_MAX = 60_000;
/** How much too late a timer may be seen on a machine that was never suspended. */
const TOLERANCE_MS = 2_000;
const SHUTDOWN_MS_MAX = 30_000;

interface Suspended {
  readonly evidence: SuspendEvidence;
  /** The command that suspended; it ends in the resumed system. */
  readonly job: Job;
  readonly agent: Agent;
  readonly seen: ReturnType<Recorder['seen']>;
  readonly offMs: number;
  /** Of resumes that lost their power, per disk. */
  readonly writesByResume: SuspendEvidence['writesSinceCopy'];
  /** What is under way already of the proofs that need no more than the suspend. */
  readonly early?: EarlyProofs;
}

interface EarlyProofs {
  readonly image?: ReturnType<Proofs['image']>;
  readonly filesystems?: ReturnType<Proofs['filesystems']>;
}

/** What will be looked at of the suspend that is over when these steps begin. */
function proofsAhead(steps: readonly Step[]): readonly Proof[] {
  for (const step of steps) {
    if (step.do === 'suspend') return [];
    if (step.do === 'verify') return step.proofs;
  }
  return [];
}

/**
 * Goes through `steps`. What the guest gets wrong is in the outcome's findings; when it does not come to
 * where it is awaited, that is the last of them and the steps after it are not done. What has come back but does not answer is verified
 * all the same.
 * With `from`, the machine stands there already.
 */
export async function runTimeline(
  plan: Plan,
  steps: readonly Step[],
  deps: TimelineDeps,
  from?: BootState,
): Promise<TimelineOutcome> {
  const timeline = new Timeline(plan, deps);
  try {
    try {
      if (from) await timeline.takeUp(from);
      const all = unroll(steps);
      for (const [index, step] of all.entries()) await timeline.perform(step, all.slice(index + 1));
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      timeline.giveUp(error);
    }
    return await timeline.outcome();
  } finally {
    await timeline.close();
  }
}

/**
 * The state of a machine that has gone through `steps`, none of which turns it off.
 * @throws GuestError when the guest does not come to the end of them.
 */
export async function reachState(plan: Plan, steps: readonly Step[], deps: TimelineDeps): Promise<BootState> {
  const timeline = new Timeline(plan, deps);
  try {
    for (const step of unroll(steps)) await timeline.perform(step, []);
    return await timeline.put();
  } finally {
    await timeline.close();
  }
}

/** What a timeline has found by the time it is put aside. */
type Notes = Pick<TimelineOutcome, 'selfChecks' | 'commands' | 'findings'> & { readonly offSinceStartMs: number };

class Timeline {
  readonly #plan: Plan;
  readonly #deps: TimelineDeps;
  #off: PoweredOff;
  /** What the share held when power went; known while the next machine is made. */
  #share: Promise<readonly ShareEntry[] | undefined>;
  #recorder: Recorder | undefined;
  #guest: Agent | undefined;
  /** The kernel's boot id: a resume brings it back, a boot makes another. */
  #bootId: string | undefined;
  #suspended: Suspended | undefined;
  #resumed:
    | { readonly evidence: ResumeEvidence; readonly suspended: Suspended; readonly markers: readonly MarkerSeen[] }
    | undefined;
  /** What came back does not answer: all that is left to do is to verify it, for which it is asked nothing. */
  #lost = false;
  readonly #cycles: CycleOutcome[] = [];
  readonly #filesystems: TimelineOutcome['filesystems'][number][] = [];
  readonly #selfChecks: TimelineOutcome['selfChecks'][number][] = [];
  readonly #commands: TimelineOutcome['commands'][number][] = [];
  readonly #findings: Finding[] = [];
  readonly #underWay: Promise<unknown>[] = [];
  /** What machines that are off ended with; found out while the next one runs. */
  readonly #states: Promise<string>[] = [];
  /** How far the time of day ran on without the system, over all suspends since the self-checks were started. */
  #offSinceStartMs = 0;
  /**
   * How long suspends and resumes took besides, in virtual time of the system itself: with tasks frozen for the most
   * part, so that a sleeper may be as much too late. A kernel with all checks on takes seconds.
   */
  #suspendingSinceStartMs = 0;

  constructor(plan: Plan, deps: TimelineDeps) {
    this.#plan = plan;
    this.#deps = deps;
    const { config } = deps.booter;
    this.#share = Promise.resolve(config.share);
    this.#off = neverPowered(
      config.disks.map(({ base }) => base),
      config.wallClockMs,
    );
  }

  /** `ahead`: the steps that follow, for what can be begun early. */
  async perform(step: Exclude<Step, { do: 'repeat' }>, ahead: readonly Step[]): Promise<void> {
    const { say } = this.#deps;
    this.#deps.booter.signal?.throwIfAborted();
    if (this.#lost && (step.do !== 'verify' || !this.#resumed)) return;
    switch (step.do) {
      case 'boot':
        say('boot');
        return this.#boot();
      case 'run':
        say(`run ${step.command}`);
        return this.#run(step);
      case 'start':
        say(`start ${step.name}`);
        await this.#agent().spawn(shell(step.command));
        return;
      case 'selfcheck':
        say(`self-checks: ${step.phase}`);
        return this.#selfCheck(step.phase);
      case 'suspend':
        say(`suspend (${step.method})`);
        return this.#suspend(step, proofsAhead(ahead));
      case 'cutPower':
        say('cut power');
        return this.#loseEverything();
      case 'resume':
        say('resume in a new machine');
        return this.#resume(step, proofsAhead(ahead));
      case 'verify':
        say('verify');
        return this.#verify(step.proofs);
      case 'shutdown':
        say('shut down');
        return this.#shutDown();
    }
  }

  /** Goes on where `put` was called, in another machine. */
  async takeUp(state: BootState): Promise<void> {
    const { selfChecks, commands, findings, offSinceStartMs } = state.notes as Notes;
    this.#selfChecks.push(...selfChecks);
    this.#commands.push(...commands);
    this.#findings.push(...findings);
    this.#offSinceStartMs = offSinceStartMs;
    this.#recorder = await restoreAt(state, this.#deps.booter);
    await this.#connect(this.#recorder);
  }

  async put(): Promise<BootState> {
    const recorder = this.#machine();
    const notes: Notes = {
      selfChecks: this.#selfChecks,
      commands: this.#commands,
      findings: this.#findings,
      offSinceStartMs: this.#offSinceStartMs,
    };
    return { checkpoint: await recorder.machine.checkpoint(), seen: recorder.seen(), notes };
  }

  giveUp({ message, remedy, consoleTail: tail }: GuestError): void {
    this.#findings.push(
      finding('guest', message, [...tail, ...(remedy === undefined ? [] : [`what to do: ${remedy}`])]),
    );
  }

  async outcome(): Promise<TimelineOutcome> {
    if (this.#recorder) this.#powerOff();
    const states = await Promise.all(this.#states);
    this.#findings.push(...this.#deps.proofs.console(this.#off.console));
    return {
      cycles: this.#cycles,
      filesystems: this.#filesystems,
      selfChecks: this.#selfChecks,
      commands: this.#commands,
      findings: this.#findings,
      total: this.#off.total,
      stateHash: await this.#deps.hash([new TextEncoder().encode(states.join('\n'))]),
      console: this.#off.console,
    };
  }

  async close(): Promise<void> {
    await this.#recorder?.machine.close();
    // Nothing outlives a run, also one that came to no verdict.
    await Promise.allSettled(this.#underWay);
  }

  async #boot(): Promise<void> {
    const pristine = this.#off.disks.every(({ overlay }) => overlay.length === 0);
    const recorder = await this.#powerOn(pristine ? 'agentReady' : 'beforeDisk');
    if (!pristine) await runToMarker('agentReady', recorder, this.#deps.booter);
    const agent = await this.#connect(recorder);
    for (const command of this.#plan.bootCommands ?? []) await succeed(agent, command);
    if (pristine) for (const { path, bytes, mode } of this.#plan.files) await agent.putFile(path, bytes, { mode });
  }

  async #connect({ machine }: Recorder): Promise<Agent> {
    const { signal } = this.#deps.booter;
    const agent = new Agent(machine, { ...(signal && { signal }) });
    this.#bootId = (await agent.connect()).bootId;
    this.#guest = agent;
    return agent;
  }

  /** A new machine on the disks as they are, standing at `stage`. */
  async #powerOn(stage: BootStage): Promise<Recorder> {
    const { booter, states } = this.#deps;
    // A worker that nobody holds any longer would keep the process alive.
    await this.#recorder?.machine.close();
    const state = await states.at(stage, booter);
    const share = await this.#share;
    const config: MachineConfig = {
      ...booter.config,
      ...(share && { share }),
      wallClockMs: this.#off.wallClockMs,
      disks: this.#off.disks,
    };
    const recorder = await restoreAt(state, { ...booter, config });
    this.#recorder = recorder;
    return recorder;
  }

  async #run(step: CommandStep): Promise<void> {
    const result = await runCommand(this.#agent(), step.command, step.timeoutMs);
    this.#commands.push({ command: step.command, ...result });
    this.#findings.push(...judgeCommand(step, result));
  }

  async #selfCheck(phase: 'start' | 'verify'): Promise<void> {
    if (phase === 'start') {
      const command = `selfcheck start --seed ${this.#plan.machine.seed}`;
      this.#offSinceStartMs = 0;
      this.#suspendingSinceStartMs = 0;
      this.#findings.push(
        ...judgeCommand({ command, exit: 0 }, await runCommand(this.#agent(), command, SELFCHECK_MS_MAX)),
      );
      return;
    }
    const result = await runCommand(
      this.#agent(),
      `selfcheck verify --off-ms ${this.#offSinceStartMs} --tolerance-ms ${TOLERANCE_MS + Math.round(this.#suspendingSinceStartMs)}`,
      SELFCHECK_MS_MAX,
    );
    const { points, problem } = readKtap(result.stdout);
    this.#selfChecks.push(...points);
    for (const { name, passed, detail } of points)
      if (!passed) this.#findings.push(finding('selfCheck', `self-check ${name} failed`, detail.split('\n')));
    if (problem !== undefined)
      this.#findings.push(
        finding('selfCheck', `what the self-checks printed is not whole: ${problem}`, outputLines(result)),
      );
    else if (result.exitCode !== 0 && points.every(({ passed }) => passed))
      this.#findings.push(
        finding('selfCheck', `the self-checks ended with status ${result.exitCode}`, outputLines(result)),
      );
  }

  async #suspend(step: Extract<Step, { do: 'suspend' }>, ahead: readonly Proof[]): Promise<void> {
    const recorder = this.#machine();
    const agent = this.#agent();
    recorder.arm(triggersOf(step.faults, this.#deps.proofs.addressOf));
    this.#expectResume();
    const begunMs = recorder.seen().virtualMs;
    const end = await this.#goOff(
      recorder,
      agent,
      step,
      ahead.some((proof) => proof === 'memory' || proof === 'image'),
    );
    const seen = recorder.seen();
    this.#powerOff();
    this.#editDisks(step);
    this.#off = { ...this.#off, wallClockMs: this.#off.wallClockMs + step.offMs };
    this.#offSinceStartMs += step.offMs;
    expectStruck(step.faults, recorder, end === 'powerCut');
    if (end === 'powerCut') return this.#checkFilesystems('powerOff');
    const { atCopy, job } = end;
    // The restored system knows nothing of what the machine did after the copy, and its clock went on.
    this.#offSinceStartMs += Math.round(seen.virtualMs - atCopy.marker.virtualMs);
    this.#suspendingSinceStartMs += atCopy.marker.virtualMs - begunMs;
    this.#suspended = {
      agent,
      job,
      seen,
      offMs: step.offMs,
      writesByResume: seen.writes.map(() => []),
      evidence: {
        method: step.method,
        stores: step.method === 'swsusp' ? [] : storesOf(step.store),
        markers: seen.markers,
        atCopy: atCopy.memory,
        disks: this.#off.disks,
        writesWhileFrozen: writesBetween(
          seen.writes,
          frozenSince(seen.markers) ?? atCopy.marker.instruction,
          atCopy.marker.instruction,
        ),
        writesSinceCopy: writesBetween(seen.writes, atCopy.marker.instruction),
      },
    };
  }

  /** The machine that will come back from the disks is made as far as it can be while this one suspends. */
  #expectResume(): void {
    const { booter, states } = this.#deps;
    const { engine, config } = booter;
    // Each machine has the share as the one before left it.
    if (!engine.expect || config.share) return;
    // What goes wrong with it is told when it is needed.
    states
      .at('beforeDisk', booter)
      .then(({ checkpoint }) => engine.expect?.(config, checkpoint))
      .catch(() => undefined);
  }

  async #goOff(
    recorder: Recorder,
    agent: Agent,
    step: Extract<Step, { do: 'suspend' }>,
    copyRam: boolean,
  ): Promise<WentOff | 'powerCut'> {
    if (step.method === 'swsusp') return suspendToDisk(recorder, agent, copyRam);
    const end = await snapshotAndGoOff(recorder, agent, step, copyRam, this.#deps.booter.signal);
    if (end === 'powerCut') return end;
    this.#commands.push(...end.commands);
    this.#findings.push(...end.findings);
    return end;
  }

  #editDisks({ faults }: Pick<Extract<Step, { do: 'suspend' }>, 'faults'>): void {
    const disks = this.#off.disks.map((state, disk): DiskState => {
      const edits = sectorEdits(faults, disk, (at) => readSectors(state, at, 1));
      return { ...state, overlay: [...state.overlay, ...edits.map((edit) => ({ instruction: 0, ...edit }))] };
    });
    this.#off = { ...this.#off, disks };
  }

  async #resume(step: Extract<Step, { do: 'resume' }>, ahead: readonly Proof[]): Promise<void> {
    if (!this.#suspended) throw new InputError('nothing is suspended that could be resumed');
    let suspended = this.#suspended;
    this.#suspended = undefined;
    const recorder = await this.#powerOn('beforeDisk');
    // Before the capture, so that what a fault does to RAM is in it.
    recorder.arm(triggersOf(step.faults, this.#deps.proofs.addressOf));
    const resuming = resumeFromDisk(recorder, ahead.includes('memory'), this.#deps.booter.signal);
    // The machine runs in its worker: there is time meanwhile.
    suspended = { ...suspended, early: suspended.early ?? this.#proveEarly(suspended.evidence, ahead) };
    const restored = await resuming;
    expectStruck(step.faults, recorder, restored === 'powerCut');
    if (restored === 'powerCut') return this.#loseResume(suspended);
    this.#offSinceStartMs += Math.round(restored.marker.virtualMs);
    const seen = recorder.seen();
    const missed = missedMistake([...suspended.seen.markers, ...seen.markers], this.#plan.machine.cmdline);
    if (missed !== undefined)
      throw new GuestError(missed, {
        consoleTail: consoleTail(suspended.seen.console),
        remedy: 'give the machine something that the mistake can spoil',
      });
    this.#resumed = {
      suspended,
      markers: seen.markers,
      evidence: {
        ...suspended.evidence,
        restored: restored.memory,
        writesByResume: joined(suspended.writesByResume, writesBetween(seen.writes, 0, restored.marker.instruction)),
      },
    };
    try {
      await this.#meetAgain(suspended, recorder);
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      this.giveUp(error);
      this.#lost = true;
    }
    this.#suspendingSinceStartMs += recorder.seen().virtualMs - restored.marker.virtualMs;
  }

  /** The restored system is the suspended one, and knows how the command ended that suspended it. */
  async #meetAgain({ agent, job }: Suspended, { machine }: Recorder): Promise<void> {
    const { bootId } = await agent.attach(machine);
    if (bootId !== this.#bootId)
      this.#findings.push(
        finding('guest', 'what came back is another boot, not the suspended system', [
          `boot id ${this.#bootId ?? ''} before, ${bootId} after`,
        ]),
      );
    this.#guest = agent;
    const result = resultOf(await agent.wait(job));
    if (result.exitCode !== 0)
      this.#findings.push(
        finding('guest', `the suspend ended with status ${result.exitCode} in the resumed system`, outputLines(result)),
      );
  }

  #proveEarly(evidence: SuspendEvidence, proofs: readonly Proof[]): EarlyProofs {
    const use = this.#deps.proofs;
    const begun = <T>(work: Promise<T>): Promise<T> => {
      this.#underWay.push(work);
      // Who asks for it is told; nobody may.
      work.catch(() => undefined);
      return work;
    };
    return {
      // First, since other programs do most of it.
      ...(proofs.includes('filesystems') && {
        filesystems: begun(use.filesystems(evidence.disks, 'suspend', evidence.method === 'sys_snapshot')),
      }),
      ...(proofs.includes('image') && { image: begun(use.image(evidence)) }),
    };
  }

  async #verify(proofs: readonly Proof[]): Promise<void> {
    if (!this.#resumed) throw new InputError('nothing has been resumed that could be verified');
    const { evidence, suspended, markers } = this.#resumed;
    const use = this.#deps.proofs;
    const has = (proof: Proof): boolean => proofs.includes(proof);
    const memory = has('memory') ? this.#take(await use.memory(evidence)) : undefined;
    const { early = {} } = suspended;
    const image = has('image') ? this.#take(await (early.image ?? use.image(evidence))) : undefined;
    const disk = has('disk') ? this.#take(await use.disk(evidence)) : undefined;
    if (has('filesystems'))
      this.#filesystems.push(
        ...this.#take(
          await (early.filesystems ?? use.filesystems(evidence.disks, 'suspend', evidence.method === 'sys_snapshot')),
        ),
      );
    this.#cycles.push({
      method: evidence.method,
      offMs: suspended.offMs,
      frozen:
        evidence.method === 'swsusp'
          ? frozenAcrossPowerOff(suspended.seen, { markers })
          : frozenInLiveTimeline(suspended.seen.markers),
      memory,
      image,
      disk,
    });
    // Two copies of all RAM: not needed any longer.
    this.#resumed = undefined;
  }

  #take<T>({ outcome, findings }: { readonly outcome: T; readonly findings: readonly Finding[] }): T {
    this.#findings.push(...findings);
    return outcome;
  }

  async #shutDown(): Promise<void> {
    const recorder = this.#machine();
    const end = await this.#agent().powerOff({ virtualMsMax: SHUTDOWN_MS_MAX });
    if (end.why !== 'halted')
      throw new GuestError(`awaited the machine to power off, but it stopped otherwise (${end.why})`, {
        consoleTail: consoleTail(recorder.seen().console),
      });
    this.#powerOff();
    await this.#checkFilesystems('shutdown');
  }

  /** Power is gone before the suspended system was back; its image may still be there. */
  async #loseResume(suspended: Suspended): Promise<void> {
    const { writes, virtualMs } = this.#machine().seen();
    await this.#loseEverything();
    this.#offSinceStartMs += Math.round(virtualMs);
    this.#suspended = { ...suspended, writesByResume: joined(suspended.writesByResume, writes) };
  }

  /** Power is gone without warning: what is on the disks must still be whole. */
  async #loseEverything(): Promise<void> {
    this.#powerOff();
    await this.#checkFilesystems('powerOff');
  }

  async #checkFilesystems(at: 'powerOff' | 'shutdown'): Promise<void> {
    this.#filesystems.push(...this.#take(await this.#deps.proofs.filesystems(this.#off.disks, at)));
  }

  #powerOff(): void {
    const recorder = this.#machine();
    const seen = recorder.seen();
    const { machine } = recorder;
    if (this.#deps.booter.config.share) {
      this.#share = machine.readShare();
      this.#share.catch(() => undefined);
    }
    const state = machine.stateHash();
    // Nobody waits for the end of its worker: that takes as long as giving back its memory does.
    void state.catch(() => undefined).then(() => machine.close());
    const writes = seen.writes.map((of) => this.#deps.hash(of.map(({ bytes }) => bytes)));
    this.#states.push(state, ...writes);
    // Looked at when all is done; until then a failure is nobody's.
    for (const part of [state, ...writes]) part.catch(() => undefined);
    this.#off = afterPowerOff(this.#off, seen);
    this.#recorder = undefined;
    this.#guest = undefined;
  }

  #machine(): Recorder {
    if (!this.#recorder) throw new InputError('the machine is off', { remedy: 'boot it first' });
    return this.#recorder;
  }

  #agent(): Agent {
    if (!this.#guest) throw new InputError('the machine is off', { remedy: 'boot it first' });
    return this.#guest;
  }
}

/**
 * A fault that does not strike tests nothing, so the run must not pass.
 * @throws GuestError when power was to be cut and was not, or RAM that was to be altered was not reached.
 */
function expectStruck(faults: readonly Fault[], recorder: Recorder, cut: boolean): void {
  if (cut) return;
  const missed = faults.some(({ fault }) => fault === 'cutPower')
    ? 'the power cut'
    : recorder.armed().some(({ then }) => then.do === 'flip')
      ? 'the flip of memory'
      : undefined;
  if (missed === undefined) return;
  throw new GuestError(`${missed} that was planned did not come: the guest never reached its place`, {
    consoleTail: consoleTail(recorder.seen().console),
    remedy: 'name a marker, write or instruction that this step comes to',
  });
}

/** Of each disk the one writes, then the others. */
const joined = (
  first: SuspendEvidence['writesSinceCopy'],
  then: SuspendEvidence['writesSinceCopy'],
): SuspendEvidence['writesSinceCopy'] => then.map((writes, disk) => [...(first[disk] ?? []), ...writes]);

const finding = (kind: Finding['kind'], what: string, details: readonly string[] = []): Finding => ({
  kind,
  what,
  details,
});
