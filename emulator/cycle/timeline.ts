// SPDX-License-Identifier: MIT
/** Drives one machine, over all its power cycles, through the steps of a plan. */
import { sectorEdits, triggersOf } from '../faults/fault.js';
import type { Capture, MachineConfig, MarkerSeen } from '../machine/contract.js';
import { GuestError, InputError } from '../machine/errors.js';
import { stepBegin, stepEnd, USER_MARKERS } from '../machine/markers.js';
import { SECTOR_BYTES } from '../machine/units.js';
import { restoreAt, runToMarker, type Booter, type BootStage } from './boot.js';
import type { BootState } from './boot-state.js';
import { frozenAcrossPowerOff } from './frozen.js';
import type { CommandResult, ConnectGuest, Guest, JobId } from './guest.js';
import type { CycleOutcome, Finding, TimelineOutcome } from './outcome.js';
import { unroll, type CommandStep, type Plan, type Proof, type Step } from './plan.js';
import { afterPowerOff, neverPowered, writesBetween, type PoweredOff } from './power.js';
import type { DiskState, Proofs, ResumeEvidence, SuspendEvidence } from './proofs.js';
import { concat, type Recorder } from './recorder.js';
import { unexpectedStop } from './stop.js';

export interface TimelineDeps {
  readonly booter: Booter;
  readonly bootState: (stage: BootStage, booter: Booter) => Promise<BootState>;
  readonly connect: ConnectGuest;
  readonly proofs: Proofs;
  /** SHA-256 in hexadecimal. */
  readonly hash: (bytes: Uint8Array) => Promise<string>;
  readonly say: (what: string) => void;
}

/** Virtual time within which a suspend, a resume and a shutdown must come to their end. */
const SUSPEND_MS_MAX = 60_000;
const RESUME_MS_MAX = 60_000;
const SHUTDOWN_MS_MAX = 30_000;
/** The time the off machine's clock is read with is not the time it is shown with: the RTC counts in whole seconds. */

interface Suspended {
  readonly evidence: SuspendEvidence;
  readonly job: JobId;
  readonly seen: ReturnType<Recorder['seen']>;
  readonly offMs: number;
}

/**
 * Goes through `steps`. What the guest gets wrong is in the outcome's findings.
 * @throws GuestError when the guest does not come to where it can be asked; what was found until then is lost with it.
 */
export async function runTimeline(plan: Plan, steps: readonly Step[], deps: TimelineDeps): Promise<TimelineOutcome> {
  const timeline = new Timeline(plan, deps);
  try {
    for (const step of unroll(steps)) await timeline.perform(step);
    return await timeline.outcome();
  } finally {
    await timeline.close();
  }
}

class Timeline {
  readonly #plan: Plan;
  readonly #deps: TimelineDeps;
  #off: PoweredOff;
  #recorder: Recorder | undefined;
  #guest: Guest | undefined;
  #suspended: Suspended | undefined;
  #resumed: { readonly evidence: ResumeEvidence; readonly suspended: Suspended; readonly markers: readonly MarkerSeen[] } | undefined;
  readonly #cycles: CycleOutcome[] = [];
  readonly #filesystems: TimelineOutcome['filesystems'][number][] = [];
  readonly #selfChecks: TimelineOutcome['selfChecks'][number][] = [];
  readonly #commands: TimelineOutcome['commands'][number][] = [];
  readonly #findings: Finding[] = [];
  readonly #states: string[] = [];

  constructor(plan: Plan, deps: TimelineDeps) {
    this.#plan = plan;
    this.#deps = deps;
    const { config } = deps.booter;
    this.#off = neverPowered(
      config.disks.map(({ base }) => base),
      config.wallClockMs,
    );
  }

  async perform(step: Exclude<Step, { do: 'repeat' }>): Promise<void> {
    const { say } = this.#deps;
    this.#deps.booter.signal?.throwIfAborted();
    switch (step.do) {
      case 'boot':
        say('boot');
        return this.#boot();
      case 'run':
        say(`run ${step.command}`);
        return this.#run(step);
      case 'start':
        say(`start ${step.name}`);
        await this.#agent().start(step.command);
        return;
      case 'selfcheck':
        say(`self-checks: ${step.phase}`);
        return this.#selfCheck(step.phase);
      case 'suspend':
        say(`suspend (${step.method})`);
        return this.#suspend(step);
      case 'cutPower':
        say('cut power');
        return this.#powerOff();
      case 'resume':
        say('resume in a new machine');
        return this.#resume(step);
      case 'verify':
        say('verify');
        return this.#verify(step.proofs);
      case 'shutdown':
        say('shut down');
        return this.#shutDown();
    }
  }

  async outcome(): Promise<TimelineOutcome> {
    if (this.#recorder) await this.#powerOff();
    this.#findings.push(...this.#deps.proofs.console(this.#off.console));
    return {
      cycles: this.#cycles,
      filesystems: this.#filesystems,
      selfChecks: this.#selfChecks,
      commands: this.#commands,
      findings: this.#findings,
      total: this.#off.total,
      stateHash: await this.#deps.hash(new TextEncoder().encode(this.#states.join('\n'))),
      console: this.#off.console,
    };
  }

  async close(): Promise<void> {
    await this.#recorder?.machine.close();
  }

  async #boot(): Promise<void> {
    const pristine = this.#off.disks.every(({ writes }) => writes.length === 0);
    const recorder = await this.#powerOn(pristine ? 'agentReady' : 'beforeDisk');
    if (!pristine) await runToMarker('agentReady', recorder, this.#deps.booter);
    this.#guest = await this.#deps.connect(recorder.machine);
    if (pristine) for (const { path, bytes, mode } of this.#plan.files) await this.#guest.put(path, bytes, mode);
  }

  /** A new machine on the disks as they are, standing at `stage`. */
  async #powerOn(stage: BootStage): Promise<Recorder> {
    const { booter, bootState } = this.#deps;
    const state = await bootState(stage, booter);
    const config: MachineConfig = {
      ...booter.config,
      wallClockMs: this.#off.wallClockMs,
      disks: this.#off.disks.map(({ base, writes }) => ({ base, overlay: writes })),
    };
    const recorder = await restoreAt(state, { ...booter, config });
    this.#recorder = recorder;
    return recorder;
  }

  async #run(step: CommandStep): Promise<void> {
    const result = await this.#agent().run(step.command, step.timeoutMs);
    this.#commands.push({ command: step.command, ...result });
    this.#findings.push(...judgeCommand(step, result));
  }

  async #selfCheck(phase: 'start' | 'verify'): Promise<void> {
    const result = await this.#agent().run(`rig-selfcheck ${phase}`, SUSPEND_MS_MAX);
    if (phase === 'start') this.#findings.push(...judgeCommand({ command: 'rig-selfcheck start', exit: 0, timeoutMs: 0 }, result));
    else {
      const checks = parseKtap(result.stdout);
      this.#selfChecks.push(...checks);
      this.#findings.push(...checks.filter(({ passed }) => !passed).map(({ name, detail }) => finding('selfCheck', `self-check ${name} failed`, detail.split('\n'))));
      if (checks.length === 0) this.#findings.push(finding('selfCheck', 'the self-checks reported nothing', outputLines(result)));
    }
  }

  async #suspend(step: Extract<Step, { do: 'suspend' }>): Promise<void> {
    if (step.method !== 'swsusp') throw new InputError(`this kernel has no ${step.method}`, { remedy: 'use `method: swsusp`' });
    const recorder = this.#machine();
    const guest = this.#agent();
    recorder.arm([
      { when: { on: 'marker', kind: stepBegin('copy') }, then: { do: 'capture', label: 'atCopy' } },
      ...triggersOf(step.faults, this.#deps.proofs.addressOf),
    ]);
    const writesBefore = recorder.seen().instructions;
    // A moment's rest, so that the agent's answer is out before its tasks are frozen.
    const job = await guest.start('sleep 0.1; echo shutdown > /sys/power/disk && echo disk > /sys/power/state; status=$?; rig-marker 4095; exit $status');
    const report = await recorder.machine.run({
      triggers: [{ when: { on: 'marker', kind: SUSPEND_RETURNED }, then: { do: 'stop' } }],
      virtualMsMax: SUSPEND_MS_MAX,
    });
    const seen = recorder.seen();
    if (report.reason.why === 'trigger') {
      const { stdout, stderr } = await guest.collect(job);
      throw new GuestError('the kernel refused to suspend', {
        consoleTail: outputLines({ stdout, stderr }),
        remedy: 'read what the kernel logged: `dmesg` in `snapback shell`',
      });
    }
    const cut = report.reason.why === 'powerCut';
    if (report.reason.why !== 'halted' && !cut) throw unexpectedStop('the machine to be off after its suspend', report, seen, this.#deps.booter.signal);
    const atCopy = take(recorder.takeCaptures(), 'atCopy');
    await this.#powerOff();
    this.#editDisks(step);
    if (cut) return;
    if (!atCopy?.marker) throw unexpectedStop('the atomic copy', report, seen);
    this.#suspended = {
      job,
      seen,
      offMs: step.offMs,
      evidence: { markers: seen.markers, atCopy: atCopy.memory, disks: this.#off.disks, writesSinceCopy: writesBetween(seen.writes, atCopy.marker.instruction) },
    };
    this.#off = { ...this.#off, wallClockMs: this.#off.wallClockMs + step.offMs };
    void writesBefore;
  }

  #editDisks({ faults }: Pick<Extract<Step, { do: 'suspend' }>, 'faults'>): void {
    const disks = this.#off.disks.map((state, disk): DiskState => {
      const edits = sectorEdits(faults, disk, (at) => readSector(state, at));
      return { ...state, writes: [...state.writes, ...edits.map((edit) => ({ instruction: 0, ...edit }))] };
    });
    this.#off = { ...this.#off, disks };
  }

  async #resume(step: Extract<Step, { do: 'resume' }>): Promise<void> {
    const suspended = this.#suspended;
    if (!suspended) throw new InputError('nothing is suspended that could be resumed');
    this.#suspended = undefined;
    const recorder = await this.#powerOn('beforeDisk');
    recorder.arm([
      ...triggersOf(step.faults, this.#deps.proofs.addressOf),
      { when: { on: 'marker', kind: stepEnd('restore') }, then: { do: 'capture', label: 'restored' } },
    ]);
    const report = await recorder.machine.run({
      triggers: [
        { when: { on: 'marker', kind: SUSPEND_RETURNED }, then: { do: 'stop' } },
        { when: { on: 'marker', kind: USER_MARKERS.agentReady }, then: { do: 'stop' } },
      ],
      virtualMsMax: RESUME_MS_MAX,
    });
    const seen = recorder.seen();
    if (report.reason.why === 'powerCut') return this.#powerOff();
    const restored = take(recorder.takeCaptures(), 'restored');
    if (report.reason.why !== 'trigger' || report.reason.index !== 0 || !restored?.marker) {
      const awaited = 'the suspended system to come back';
      if (report.reason.why === 'trigger') {
        throw new GuestError(`awaited ${awaited}, but the machine booted afresh: it found no image that it would take`, {
          consoleTail: unexpectedStop(awaited, report, seen).consoleTail,
          remedy: 'the console says why the kernel did not take the image',
        });
      }
      throw unexpectedStop(awaited, report, seen, this.#deps.booter.signal);
    }
    this.#resumed = {
      suspended,
      markers: seen.markers,
      evidence: {
        ...suspended.evidence,
        restored: restored.memory,
        writesByResume: writesBetween(seen.writes, 0, restored.marker.instruction),
      },
    };
    this.#guest = await this.#deps.connect(recorder.machine);
    const { exitCode, ...output } = await this.#guest.collect(suspended.job);
    if (exitCode !== undefined && exitCode !== 0) this.#findings.push(finding('resume', `the suspend ended with status ${exitCode} in the resumed system`, outputLines(output)));
  }

  async #verify(proofs: readonly Proof[]): Promise<void> {
    if (!this.#resumed) throw new InputError('nothing has been resumed that could be verified');
    const { evidence, suspended, markers } = this.#resumed;
    const use = this.#deps.proofs;
    const has = (proof: Proof): boolean => proofs.includes(proof);
    const memory = has('memory') ? this.#take(await use.memory(evidence)) : undefined;
    const image = has('image') ? this.#take(await use.image(evidence)) : undefined;
    const disk = has('disk') ? this.#take(await use.disk(evidence)) : undefined;
    if (has('filesystems')) this.#filesystems.push(...this.#take(await use.filesystems(evidence.disks, 'suspend')));
    this.#cycles.push({
      method: 'swsusp',
      offMs: suspended.offMs,
      frozen: frozenAcrossPowerOff(suspended.seen, { markers }),
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
    await this.#agent().shutDown();
    const report = await recorder.machine.run({ virtualMsMax: SHUTDOWN_MS_MAX });
    if (report.reason.why !== 'halted') throw unexpectedStop('the machine to power off', report, recorder.seen(), this.#deps.booter.signal);
    await this.#powerOff();
    this.#filesystems.push(...this.#take(await this.#deps.proofs.filesystems(this.#off.disks, 'shutdown')));
  }

  async #powerOff(): Promise<void> {
    const recorder = this.#machine();
    this.#states.push(await recorder.machine.stateHash());
    const seen = recorder.seen();
    for (const writes of seen.writes) this.#states.push(await this.#deps.hash(concat(writes.map(({ bytes }) => bytes))));
    await recorder.machine.close();
    this.#off = afterPowerOff(this.#off, seen);
    this.#recorder = undefined;
    this.#guest = undefined;
  }

  #machine(): Recorder {
    if (!this.#recorder) throw new InputError('the machine is off', { remedy: 'boot it first' });
    return this.#recorder;
  }

  #agent(): Guest {
    if (!this.#guest) throw new InputError('the machine is off', { remedy: 'boot it first' });
    return this.#guest;
  }
}

/** Sent in the guest when the command that suspends has returned, in whichever timeline. */
const SUSPEND_RETURNED = 0x3000 + 4095;

const take = (captures: readonly Capture[], label: string): Capture | undefined => captures.find((capture) => capture.label === label);

function readSector({ base, writes }: DiskState, at: number): Uint8Array {
  const last = writes.findLast(({ sector, bytes }) => sector <= at && at < sector + bytes.length / SECTOR_BYTES);
  const offset = (last ? at - last.sector : at) * SECTOR_BYTES;
  return (last ? last.bytes : base).subarray(offset, offset + SECTOR_BYTES);
}

const finding = (kind: Finding['kind'], what: string, details: readonly string[] = []): Finding => ({ kind, what, details });

/** What is wrong with what a command did. */
export function judgeCommand(step: CommandStep, result: CommandResult): readonly Finding[] {
  if (result.exitCode !== step.exit) return [finding('command', `\`${step.command}\` ended with status ${result.exitCode}, not ${step.exit}`, outputLines(result))];
  if (step.stdout !== undefined && !new RegExp(step.stdout, 'mu').test(result.stdout)) {
    return [finding('command', `the output of \`${step.command}\` does not match /${step.stdout}/`, outputLines(result))];
  }
  return [];
}

function outputLines({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): readonly string[] {
  return [...linesOf(stdout), ...linesOf(stderr).map((line) => `stderr: ${line}`)];
}

const linesOf = (text: string): readonly string[] => (text.trimEnd() === '' ? [] : text.trimEnd().split('\n'));

/** Test points of KTAP output, with the comment lines before each as its detail. */
export function parseKtap(text: string): readonly { readonly name: string; readonly passed: boolean; readonly detail: string }[] {
  const checks: { name: string; passed: boolean; detail: string }[] = [];
  let comments: string[] = [];
  for (const line of text.split('\n')) {
    const point = /^\s*(not )?ok \d+ -? ?(.*)$/.exec(line);
    if (point) {
      checks.push({ name: point[2] ?? '', passed: point[1] === undefined, detail: comments.join('\n') });
      comments = [];
    } else if (/^\s*#/.test(line)) comments.push(line.replace(/^\s*# ?/, ''));
  }
  return checks;
}
