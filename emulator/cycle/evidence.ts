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

type Collected = Pick<
  TimelineOutcome,
  'cycles' | 'filesystems' | 'selfChecks' | 'commands' | 'findings' | 'stepsNotRun'
>;

/** The evidence from before the first suspend. It is stored with the checkpoint that is made there. */
export type EvidenceNotes = Pick<Collected, 'selfChecks' | 'commands' | 'findings'>;

export class Evidence {
  readonly #listeners: EvidenceListeners;
  readonly #cycles: CycleOutcome[] = [];
  readonly #filesystems: TimelineOutcome['filesystems'][number][] = [];
  readonly #selfChecks: TimelineOutcome['selfChecks'][number][] = [];
  readonly #commands: CommandOutcome[] = [];
  readonly #findings: Finding[] = [];
  readonly #stepsNotRun: StepNotRun[] = [];

  constructor(listeners: EvidenceListeners) {
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
  }

  addSelfChecks(points: TimelineOutcome['selfChecks']): void {
    this.#selfChecks.push(...points);
  }

  addFilesystems(proven: Proven<TimelineOutcome['filesystems']>): void {
    this.#filesystems.push(...this.take(proven));
  }

  addCycle(cycle: CycleOutcome): void {
    this.#cycles.push(cycle);
  }

  skip(timeline: TimelineName, step: string): void {
    this.#stepsNotRun.push({ timeline, step });
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
    if (reported) return;
    for (const command of commands) this.#listeners.onCommand?.(command);
    for (const finding of findings) this.#listeners.onFinding?.(finding);
  }
}
