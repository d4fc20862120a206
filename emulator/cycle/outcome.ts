// SPDX-License-Identifier: MIT
/** The outcome of a run, as plain data. A finding is a loss or an error of the guest. It is never thrown. */
import type { Span } from './frozen.js';
import type { Measures } from './measures.js';
import type { SuspendMethod } from './plan.js';

export type FindingKind =
  | 'memory'
  | 'image'
  | 'disk'
  | 'filesystem'
  | 'selfCheck'
  | 'command'
  | 'kernelFault'
  /** The console did not show what the scenario expects. */
  | 'console'
  /** The guest did not reach an awaited point. */
  | 'guest'
  | 'control';

export interface Finding {
  readonly kind: FindingKind;
  /** One sentence. */
  readonly what: string;
  /** The evidence for it, line by line: pages by pfn and owner, sectors by file, console lines. */
  readonly details: readonly string[];
  /** What to do about it, one sentence. */
  readonly remedy?: string;
}

export interface MemoryOutcome {
  readonly pagesCompared: number;
  readonly pagesDiffering: number;
  /** Pages that are not in the image, by the reason that accounts for them. */
  readonly pagesByReason: Readonly<Record<string, number>>;
}

export interface ImageOutcome {
  readonly bytes: number;
  readonly pagesCompared: number;
  readonly pagesDiffering: number;
}

export interface DiskOutcome {
  readonly sectorsCompared: number;
  readonly sectorsDiffering: number;
  readonly originSectorsWritten: number;
}

export interface FilesystemOutcome {
  /** When the disk was checked. */
  readonly at: 'suspend' | 'powerOff' | 'shutdown';
  /** `sda`, `sdb3`. */
  readonly device: string;
  readonly filesystem: string;
  readonly clean: boolean;
}

/** One suspend and what was resumed from it. */
export interface CycleOutcome {
  readonly method: SuspendMethod;
  readonly offMs: number;
  /** The machine went back to the snapshot instead of being turned off; absent otherwise. */
  readonly rolledBack?: true;
  /** The live timeline became the only one, so nothing was resumed; absent otherwise. */
  readonly committed?: true;
  readonly frozen: Span | undefined;
  /** Absent in reports of older versions. */
  readonly measures?: Measures;
  readonly memory: MemoryOutcome | undefined;
  readonly image: ImageOutcome | undefined;
  readonly disk: DiskOutcome | undefined;
}

export interface SelfCheckOutcome {
  readonly name: string;
  readonly passed: boolean;
  readonly detail: string;
}

/** `live`: what a machine does after its snapshot, until it is off. `main`: everything else of the main run. */
export type TimelineName = 'main' | 'live' | 'control';

/** The result of a command in the guest. */
export interface CommandOutcome {
  readonly timeline: TimelineName;
  readonly command: string;
  /** A program of a `start` step. */
  readonly background?: true;
  /** It has ended, and other processes of its process group still ran at the end of the timeline. */
  readonly othersRunning?: true;
  /**
   * `timedOut`: it did not end in time. `running`: a program of a `start` step that still ran at the end of the
   * timeline. `machineStopped`: the machine stopped, or did not answer any more, while it ran. The output of a program
   * of a `start` step is then that of the last check: before the last suspend, or after the last resume.
   */
  readonly end: 'exited' | 'timedOut' | 'machineStopped' | 'running';
  /** 128 + signal when a signal ended it, as in shells; null when it did not end by itself. */
  readonly exitCode: number | null;
  /**
   * At most {@link OUTPUT_CHARACTERS_MAX} characters of each. In longer output, a line in the middle gives the number
   * of omitted characters.
   */
  readonly stdout: string;
  readonly stderr: string;
  readonly omittedCharacters: { readonly stdout: number; readonly stderr: number };
  /** Virtual time from the first power-on to its start, over all machines. */
  readonly startVirtualMs: number;
  readonly durationVirtualMs: number;
}

/**
 * Number of characters that are kept of a command's standard output, and of its standard error: half from the
 * beginning, half from the end.
 */
export const OUTPUT_CHARACTERS_MAX = 65_536;

export interface StepNotRun {
  readonly timeline: TimelineName;
  /** The step, for people: `run ls`, `verify`. */
  readonly step: string;
}

/** One machine's way through its steps, over all its power cycles. */
export interface TimelineOutcome {
  readonly cycles: readonly CycleOutcome[];
  readonly filesystems: readonly FilesystemOutcome[];
  readonly selfChecks: readonly SelfCheckOutcome[];
  readonly commands: readonly CommandOutcome[];
  readonly findings: readonly Finding[];
  /** Steps that were not run because of an earlier finding, in order. */
  readonly stepsNotRun: readonly StepNotRun[];
  /** Over all power cycles, boot included. */
  readonly total: Span;
  /** SHA-256 (hex) over the machine's state at each defined point and over its disks. */
  readonly stateHash: string;
  readonly console: Uint8Array;
}

export interface RunOutcome {
  readonly main: TimelineOutcome;
  readonly control: TimelineOutcome | undefined;
  /** The findings of main and control run, and of their comparison. */
  readonly findings: readonly Finding[];
}
