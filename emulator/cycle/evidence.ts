// SPDX-License-Identifier: MIT
/** What a timeline has shown so far. Evidence is only added: whatever is thrown later, what is here is reported. */
import type { GuestError } from '../machine/errors.js';
import type { Finding, TimelineOutcome } from './outcome.js';
import type { Proven } from './proofs.js';

type Collected = Pick<TimelineOutcome, 'cycles' | 'filesystems' | 'selfChecks' | 'commands' | 'findings'>;

/** What is known before the first suspend; kept with the checkpoint that is made there. */
export type EvidenceNotes = Pick<Collected, 'selfChecks' | 'commands' | 'findings'>;

export class Evidence implements Collected {
  readonly cycles: TimelineOutcome['cycles'][number][] = [];
  readonly filesystems: TimelineOutcome['filesystems'][number][] = [];
  readonly selfChecks: TimelineOutcome['selfChecks'][number][] = [];
  readonly commands: TimelineOutcome['commands'][number][] = [];
  readonly findings: Finding[] = [];

  find(kind: Finding['kind'], what: string, details: readonly string[] = []): void {
    this.findings.push({ kind, what, details });
  }

  /** Keeps the findings of a proof and answers its outcome. */
  take<T>({ outcome, findings }: Proven<T>): T {
    this.findings.push(...findings);
    return outcome;
  }

  /** Keeps, as a finding, why the guest did not come to where it was awaited. */
  takeError({ message, remedy, consoleTail }: GuestError): void {
    this.findings.push({
      kind: 'guest',
      what: message,
      details: consoleTail,
      ...(remedy !== undefined && { remedy }),
    });
  }

  /** As data, for `takeUp`. */
  notes(): EvidenceNotes {
    const { selfChecks, commands, findings } = this;
    return { selfChecks, commands, findings };
  }

  takeUp({ selfChecks, commands, findings }: EvidenceNotes): void {
    this.selfChecks.push(...selfChecks);
    this.commands.push(...commands);
    this.findings.push(...findings);
  }
}
