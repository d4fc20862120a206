// SPDX-License-Identifier: MIT
/** The proofs that the driver uses, as functions that it is given. */
import type { DiskConfig, DiskWrite, MarkerSeen, RamCopy } from '../machine/contract.js';
import type { DiskOutcome, FilesystemOutcome, Finding, ImageOutcome, MemoryOutcome } from './outcome.js';
import type { SuspendMethod } from './plan.js';
import type { Gpa } from '../machine/units.js';

/** The present state of a disk: its base and all writes since, oldest first. */
export type DiskState = Required<DiskConfig>;

/** The evidence of a suspend, complete when the machine is off. */
export interface SuspendEvidence {
  readonly method: SuspendMethod;
  /**
   * The page of its block device that holds the header of the swap area with the image (swsusp only). It is 0, or
   * absent, unless the area is a file.
   */
  readonly swapHeaderPage?: number;
  /** Volumes (`sdb1`) that may be written after the copy: COW stores and stores of images. */
  readonly stores: readonly string[];
  /** The volume among them that receives the writes of the live timeline; undefined when memory does. */
  readonly cowStore?: string;
  /** Markers of the machine that was suspended, since its power-on. */
  readonly markers: readonly MarkerSeen[];
  /**
   * By which the suspended kernel announced its layout table: in another machine than this, if it was resumed before. Undefined when
   * it never did.
   */
  readonly layout: MarkerSeen | undefined;
  /** RAM at the atomic copy; undefined when neither memory nor image is to be proved. */
  readonly atCopy: RamCopy | undefined;
  readonly disks: readonly DiskState[];
  /** Writes on each disk while filesystems were frozen and devices synced, before the atomic copy; empty when nothing freezes them. */
  readonly writesWhileFrozen: readonly (readonly DiskWrite[])[];
  /** Writes on each disk from the atomic copy to power-off. */
  readonly writesSinceCopy: readonly (readonly DiskWrite[])[];
}

export interface ResumeEvidence extends SuspendEvidence {
  /** RAM at the first instruction of the restored kernel; undefined when memory is not to be proved. */
  readonly restored: RamCopy | undefined;
  /** Writes on each disk from power-on to the restored kernel's first instruction. */
  readonly writesByResume: readonly (readonly DiskWrite[])[];
  /** The live timeline was committed: there is no restored system, and `disks` is how they were when that began. */
  readonly committed?: true;
  /** The machine went back to the snapshot from the copies in its memory: it has read no image. */
  readonly rolledBack?: true;
  /** Writes on each disk by the restored system, as far as it has come. */
  readonly writesSinceRestore?: readonly (readonly DiskWrite[])[];
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
   * Checks all filesystems on powered-off disks. `frozen`: they were frozen at power-off, so a journal that needs a
   * replay is a fault, too.
   */
  filesystems(
    disks: readonly DiskState[],
    at: FilesystemOutcome['at'],
    frozen?: boolean,
  ): Promise<Proven<readonly FilesystemOutcome[]>>;
  /** Kernel faults that a console shows, without its lines in `allowed` (indices of `consoleLines`). */
  console(console: Uint8Array, allowed?: ReadonlySet<number>): readonly Finding[];
  /**
   * Physical address of a symbol of the kernel that announced its layout table by the marker `layout`. It may have moved at boot
   * (KASLR). Without the marker: of a kernel that stays where the linker has put it.
   */
  addressOf(symbol: string, layout?: MarkerSeen): Gpa;
}
