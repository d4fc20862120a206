// SPDX-License-Identifier: MIT
/** What came of a run, as plain data. A finding is something the guest lost or did wrong; it is never thrown. */
import type { Span } from './frozen.js';
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
  /** The guest did not come to where it was awaited. */
  | 'guest'
  | 'control';

export interface Finding {
  readonly kind: FindingKind;
  /** One sentence. */
  readonly what: string;
  /** What it rests on, line by line: pages by pfn and owner, sectors by file, console lines. */
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
  /** When the disk was looked at. */
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
  readonly frozen: Span | undefined;
  readonly memory: MemoryOutcome | undefined;
  readonly image: ImageOutcome | undefined;
  readonly disk: DiskOutcome | undefined;
}

export interface SelfCheckOutcome {
  readonly name: string;
  readonly passed: boolean;
  readonly detail: string;
}

/** `live`: what a machine does after its snapshot, until it is off. `main`: everything else that the suspended system does. */
export type TimelineName = 'main' | 'live' | 'control';

/** What a command did in the guest. */
export interface CommandOutcome {
  readonly timeline: TimelineName;
  readonly command: string;
  /** A program that a `start` step left running, and that ended. */
  readonly background?: true;
  /**
   * `timedOut`: it did not end in the time that it was given. `machineStopped`: the machine stopped while it ran.
   */
  readonly end: 'exited' | 'timedOut' | 'machineStopped';
  /** 128 + signal when a signal ended it, as shells have it; null when it did not end by itself. */
  readonly exitCode: number | null;
  /** At most {@link OUTPUT_CHARACTERS_MAX} of each; a line in the middle says what is left out of more. */
  readonly stdout: string;
  readonly stderr: string;
  readonly omittedCharacters: { readonly stdout: number; readonly stderr: number };
  /** Virtual time from the first power-on to its start, over all machines. */
  readonly startVirtualMs: number;
  readonly durationVirtualMs: number;
}

/** Of the standard output of a command, and of its standard error, so much is kept: half from the beginning, half from the end. */
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
  /** What was not done because of what was found before it, in order. */
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
  /** Those of both timelines, and those of their comparison. */
  readonly findings: readonly Finding[];
}
