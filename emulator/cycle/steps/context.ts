// SPDX-License-Identifier: MIT
/** What the steps of a timeline share. */
import type { Agent } from '../../agent/agent.js';
import type { Job } from '../../agent/job.js';
import type { MarkerSeen } from '../../machine/contract.js';
import type { Evidence, EvidenceListeners } from '../evidence.js';
import type { Machines, MachinesDeps } from '../machines.js';
import type { Matcher } from '../pattern.js';
import type { Plan } from '../plan.js';
import type { Proofs, ResumeEvidence, SuspendEvidence } from '../proofs.js';
import type { Recorder } from '../recorder.js';

export interface TimelineDeps extends MachinesDeps, EvidenceListeners {
  /** Which of a run's two timelines it is; `main` unless told. */
  readonly timeline?: 'main' | 'control';
  readonly proofs: Proofs;
  readonly matcher: Matcher;
  /** Called with each step as it begins. `fraction` (0 to 1) is given where it is the share of that step that is done. */
  readonly say: (what: string, fraction?: number) => void;
}

export interface StepContext {
  readonly plan: Plan;
  readonly deps: TimelineDeps;
  readonly machines: Machines;
  readonly evidence: Evidence;
  /** Proofs that run while a machine runs; a timeline ends after the last of them. */
  readonly underWay: Promise<unknown>[];
  /** How far the time of day ran on without the system, over all suspends since the self-checks were started. */
  offSinceStartMs: number;
  /**
   * How long suspends and resumes took besides, in virtual time of the system itself: with tasks frozen for the most
   * part, so that a sleeper may be as much too late. A kernel with all checks on takes seconds.
   */
  suspendingSinceStartMs: number;
  suspended: Suspended | undefined;
  resumed: Resumed | undefined;
  /** Programs that were started and have not been seen to end. */
  background: readonly BackgroundProgram[];
  /** Title of the present step. */
  step: string;
  /**
   * The scenario has ended early. What has been resumed is verified all the same: what that rests on is here, and the guest
   * is asked nothing for it.
   */
  over: boolean;
  /** The guest did not come to where it was awaited: nothing more is asked of it. */
  failed: boolean;
}

/** What is kept of a program with a checkpoint. */
export interface BackgroundNotes {
  readonly name: string;
  readonly command: string;
  /** Under this id the agent knows it. */
  readonly jobId: number;
  /** The status with which it may end by itself; undefined when it is to run on. */
  readonly exit?: number;
  readonly startVirtualMs: number;
}

export interface BackgroundProgram extends BackgroundNotes {
  readonly job: Job;
}

/** A suspend that has not been resumed. */
export interface Suspended {
  readonly evidence: SuspendEvidence;
  /** The command that suspended; it ends in the resumed system. */
  readonly job: Job;
  readonly agent: Agent;
  readonly seen: ReturnType<Recorder['seen']>;
  readonly offMs: number;
  /** Of resumes that lost their power, per disk. */
  readonly writesByResume: SuspendEvidence['writesSinceCopy'];
  /** Proofs that need no more than the suspend, and are under way already. */
  readonly early?: EarlyProofs;
}

/** A resume that has not been verified. */
export interface Resumed {
  readonly evidence: ResumeEvidence;
  readonly suspended: Suspended;
  readonly markers: readonly MarkerSeen[];
}

export interface EarlyProofs {
  readonly image?: ReturnType<Proofs['image']>;
  readonly filesystems?: ReturnType<Proofs['filesystems']>;
}
