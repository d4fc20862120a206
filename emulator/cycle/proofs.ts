// SPDX-License-Identifier: MIT
/** What the driver has looked at: the proofs, as functions that it is given. */
import type { DiskConfig, DiskWrite, MarkerSeen } from '../machine/contract.js';
import type { DiskOutcome, FilesystemOutcome, Finding, ImageOutcome, MemoryOutcome } from './outcome.js';
import type { SuspendMethod } from './plan.js';
import type { Gpa } from '../machine/units.js';

/** A disk as it stands: its base and all writes since, oldest first. */
export type DiskState = Required<DiskConfig>;

/** What is known of a suspend once the machine is off. */
export interface SuspendEvidence {
  readonly method: SuspendMethod;
  /** Volumes (`sdb1`) that are there to be written after the copy: stores of changes and of images. */
  readonly stores: readonly string[];
  /** Of the kernel that was suspended; the layout marker is among them. */
  readonly markers: readonly MarkerSeen[];
  /** All RAM at the atomic copy; undefined where neither memory nor image is to be proved. */
  readonly atCopy: Uint8Array | undefined;
  readonly disks: readonly DiskState[];
  /** Writes on each disk while filesystems were frozen, before the atomic copy; none where nothing freezes them. */
  readonly writesWhileFrozen: readonly (readonly DiskWrite[])[];
  /** Writes on each disk from the atomic copy to power-off. */
  readonly writesSinceCopy: readonly (readonly DiskWrite[])[];
}

export interface ResumeEvidence extends SuspendEvidence {
  /** All RAM at the first instruction of the restored kernel; undefined where memory is not to be proved. */
  readonly restored: Uint8Array | undefined;
  /** Writes on each disk from power-on to the restored kernel's first instruction. */
  readonly writesByResume: readonly (readonly DiskWrite[])[];
}

export interface Proven<T> {
  readonly outcome: T;
  readonly findings: readonly Finding[];
}

export interface Proofs {
  memory(evidence: ResumeEvidence): Promise<Proven<MemoryOutcome>>;
  image(evidence: SuspendEvidence): Promise<Proven<ImageOutcome>>;
  disk(evidence: ResumeEvidence): Promise<Proven<DiskOutcome>>;
  /**
   * Looks at all filesystems on powered-off disks. `frozen`: they were frozen at that instant, so that even a journal
   * that waits for its replay is a fault.
   */
  filesystems(
    disks: readonly DiskState[],
    at: FilesystemOutcome['at'],
    frozen?: boolean,
  ): Promise<Proven<readonly FilesystemOutcome[]>>;
  /** Kernel faults that a console shows; its lines in `allowed` (indices of `consoleLines`) are none. */
  console(console: Uint8Array, allowed?: ReadonlySet<number>): readonly Finding[];
  /** Physical address of a kernel symbol. */
  addressOf(symbol: string): Gpa;
}
