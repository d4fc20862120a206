// SPDX-License-Identifier: MIT
/** The evidence of a timeline so far. Evidence is only added, and is reported even if the run throws later. */
import type { GuestError } from '../machine/errors.js';
import type { CommandOutcome, CycleOutcome, Finding, StepNotRun, TimelineName, TimelineOutcome } from './outcome.js';
import type { Proven } from './proofs.js';

/** Listeners that get evidence immediately, even if the run has no outcome in the end. */
export interface EvidenceListeners {
  readonly onFinding?: (finding: Finding) => void;
  readonly onCommand?: (command: CommandOutcome) => void;
}

/** The outcome of a timeline so far. */
export type Collected = Pick<
  TimelineOutcome,
  'cycles' | 'filesystems' | 'selfChecks' | 'commands' | 'findings' | 'stepsNotRun'
>;

export interface EvidenceDeps extends EvidenceListeners {
  /** Called after each addition and after each proof with all evidence so far, the cycle that is being verified included. */
  readonly onEvidence?: (soFar: Collected) => void;
}

/** The evidence from before the first suspend. It is stored with the checkpoint that is made there. */
export type EvidenceNotes = Pick<Collected, 'selfChecks' | 'commands' | 'findings'>;

export class Evidence {
  readonly #listeners: EvidenceDeps;
  readonly #cycles: CycleOutcome[] = [];
  readonly #filesystems: TimelineOutcome['filesystems'][number][] = [];
  readonly #selfChecks: TimelineOutcome['selfChecks'][number][] = [];
  readonly #commands: CommandOutcome[] = [];
  readonly #findings: Finding[] = [];
  readonly #stepsNotRun: StepNotRun[] = [];
  #verified: CycleOutcome | undefined;

  constructor(listeners: EvidenceDeps) {
    this.#listeners = listeners;
  }

  get collected(): Collected {
    return {
      cycles: this.#cycles,
      filesystems: this.#filesystems,
      selfChecks: this.#selfChecks,
      commands: this.#commands,
      findings: this.#findings,
      stepsNotRun: this.#stepsNotRun,
    };
  }

  find(kind: Finding['kind'], what: string, details: readonly string[] = []): void {
    this.addFindings([{ kind, what, details }]);
  }

  addFindings(findings: readonly Finding[]): void {
    for (const finding of findings) {
      this.#findings.push(finding);
      this.#listeners.onFinding?.(finding);
    }
    if (findings.length > 0) this.#tell();
  }

  /** Records as a finding why the guest did not reach an awaited point. */
  addError({ message, remedy, consoleTail }: GuestError): void {
    this.addFindings([{ kind: 'guest', what: message, details: consoleTail, ...(remedy !== undefined && { remedy }) }]);
  }

  /** Records the findings of a proof and returns its outcome. */
  take<T>({ outcome, findings }: Proven<T>): T {
    this.addFindings(findings);
    return outcome;
  }

  addCommand(command: CommandOutcome): void {
    this.#commands.push(command);
    this.#listeners.onCommand?.(command);
    this.#tell();
  }

  addSelfChecks(points: TimelineOutcome['selfChecks']): void {
    this.#selfChecks.push(...points);
    this.#tell();
  }

  addFilesystems(proven: Proven<TimelineOutcome['filesystems']>): void {
    this.#filesystems.push(...this.take(proven));
    this.#tell();
  }

  addCycle(cycle: CycleOutcome): void {
    this.#cycles.push(cycle);
    this.#verified = undefined;
    this.#tell();
  }

  /** Tells the listeners of a cycle as far as it has been verified. It is no evidence before it has been added. */
  tellCycle(cycle: CycleOutcome): void {
    this.#verified = cycle;
    this.#tell();
  }

  skip(timeline: TimelineName, step: string): void {
    this.#stepsNotRun.push({ timeline, step });
    this.#tell();
  }

  /** The input for `restore`. */
  notes(): EvidenceNotes {
    return { selfChecks: this.#selfChecks, commands: this.#commands, findings: this.#findings };
  }

  /** `reported`: the listeners have already got them. */
  restore({ selfChecks, commands, findings }: EvidenceNotes, reported: boolean): void {
    this.#selfChecks.push(...selfChecks);
    this.#commands.push(...commands);
    this.#findings.push(...findings);
    if (!reported) {
      for (const command of commands) this.#listeners.onCommand?.(command);
      for (const finding of findings) this.#listeners.onFinding?.(finding);
    }
    this.#tell();
  }

  #tell(): void {
    const cycles = this.#verified ? [...this.#cycles, this.#verified] : this.#cycles;
    this.#listeners.onEvidence?.({ ...this.collected, cycles });
  }
}
