// SPDX-License-Identifier: MIT
/** The state that the steps of a timeline share. */
import type { Agent } from '../../agent/agent.js';
import type { Job } from '../../agent/job.js';
import type { Fault } from '../../faults/fault.js';
import type { Machine, MarkerSeen, RamCopy } from '../../machine/contract.js';
import type { Evidence, EvidenceDeps } from '../evidence.js';
import type { Machines, MachinesDeps } from '../machines.js';
import type { Matcher } from '../pattern.js';
import type { Plan } from '../plan.js';
import type { Proofs, ResumeEvidence, SuspendEvidence } from '../proofs.js';
import type { Recorder } from '../recorder.js';

export interface TimelineDeps extends MachinesDeps, EvidenceDeps {
  /** Which of a run's two timelines this is; `main` by default. */
  readonly timeline?: 'main' | 'control';
  readonly proofs: Proofs;
  readonly matcher: Matcher;
  /** Called with each step as it begins. `fraction` (0 to 1), if given, is the part of that step that is done. */
  readonly say: (what: string, fraction?: number) => void;
  /** Called after a step with the faults in it of which the time is known. */
  readonly onFault?: (fault: FaultSeen) => void;
  /**
   * Called before each step, before each part of a live timeline that the rig drives, and after the last step. The run goes on
   * when the promise resolves. Its machine stands meanwhile, so the run is the same as without a pause.
   */
  readonly pause?: (at: PausedAt, standing: Standing | undefined) => Promise<void>;
}

/** A planned fault that has happened. */
export interface FaultSeen {
  readonly fault: Fault['fault'];
  /** Number of its machine, 1 for the first. */
  readonly machine: number;
  /** Virtual time of that machine, in ms. */
  readonly virtualMs: number;
}

/** The machine of a run that pauses, if one is on. Its memory and its screen can be read until the run goes on. */
export interface Standing {
  readonly machine: Pick<Machine, 'readMemory' | 'captureMemory' | 'readScreen'>;
  /** Virtual time of this machine. */
  readonly virtualMs: number;
  /** The marker by which the kernel that runs there has announced its layout. */
  readonly layout: MarkerSeen | undefined;
  /** The snapshot that it was taken from, or that it has taken last. */
  readonly copied: Copied | undefined;
  /** It is in a live timeline, so its kernel keeps what that redirects. */
  readonly isLive: boolean;
}

/** The memory at the copy of a snapshot. */
export interface Copied {
  readonly ram: RamCopy;
  readonly layout: MarkerSeen;
  /** The machine is in the live timeline of this snapshot. */
  readonly isLive: boolean;
}

/** A place between two steps of a run, or within one. */
export interface Moment {
  /** Number of the step, 0 for the first, with each `repeat` written out. After the last step: the number of steps. */
  readonly step: number;
  /** Number of the part of the step's live timeline (see `livePartsOf`), or 0 before the step. */
  readonly part: number;
}

/** Where a run pauses. */
export interface PausedAt extends Moment {
  /** Of what begins then. */
  readonly title: string;
}

export interface StepContext {
  readonly plan: Plan;
  readonly deps: TimelineDeps;
  readonly machines: Machines;
  readonly evidence: Evidence;
  /** Proofs that run in parallel with a machine. A timeline ends after the last of them. */
  readonly underWay: Promise<unknown>[];
  /** Time of day that passed while the system was suspended, over all suspends since the start of the self-checks. */
  offSinceStartMs: number;
  /**
   * Additional time of suspends and resumes, in virtual time of the system itself. Tasks are frozen for most of it, so
   * a sleeping task can be late by this time. A kernel with all checks on needs seconds.
   */
  suspendingSinceStartMs: number;
  suspended: Suspended | undefined;
  resumed: Resumed | undefined;
  /** Of the last snapshot whose memory was captured, until another boot. Only for somebody who looks at pauses. */
  copied: Copied | undefined;
  /** The layout marker of the running system, if it was resumed: no kernel of its machine has sent it. */
  restoredLayout: MarkerSeen | undefined;
  /** Programs that were started and whose result has not been recorded. */
  background: readonly BackgroundProgram[];
  /** Title of the present step. */
  step: string;
  /** Its number; see `Moment`. */
  stepNumber: number;
  /**
   * The scenario has ended early. A finished resume is still verified, because its evidence is complete and does not
   * need the guest.
   */
  over: boolean;
  /** The guest did not reach an awaited point, so it is not asked again. */
  failed: boolean;
}

/** The data of a program that is stored with a checkpoint. */
export interface BackgroundNotes {
  readonly name: string;
  readonly command: string;
  /** The agent's id of the program. */
  readonly jobId: number;
  /** The status with which it may end by itself; undefined when it must not end. */
  readonly exit?: number;
  readonly startVirtualMs: number;
  /** When its end was seen; undefined while it runs. */
  readonly endVirtualMs?: number;
  /** Its end has been compared with what the step expects. */
  readonly judged: boolean;
}

export interface BackgroundProgram extends BackgroundNotes {
  readonly job: Job;
}

/** A suspend that has not been resumed, or that has been rolled back. */
export interface Suspended {
  readonly evidence: SuspendEvidence;
  /** The command that suspended; it ends in the resumed system. */
  readonly job: Job;
  readonly agent: Agent;
  readonly seen: ReturnType<Recorder['seen']>;
  readonly offMs: number;
  /** The machine went back to the snapshot; no image has been saved. */
  readonly rolledBack: boolean;
  /** Writes of resumes that ended by a power cut, per disk. */
  readonly writesByResume: SuspendEvidence['writesSinceCopy'];
  /** Proofs that need only the evidence of the suspend and have already begun. */
  readonly early?: EarlyProofs;
}

/** A resume or a rollback that has not been verified. */
export interface Resumed {
  readonly evidence: ResumeEvidence;
  readonly suspended: Suspended;
  readonly markers: readonly MarkerSeen[];
  /** The first instruction of the restored kernel. */
  readonly sinceInstruction: number;
}

export interface EarlyProofs {
  readonly image?: ReturnType<Proofs['image']>;
  readonly filesystems?: ReturnType<Proofs['filesystems']>;
}
