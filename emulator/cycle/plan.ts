// SPDX-License-Identifier: MIT
/** What a run is to do, as plain data: a scenario file is read into this, and a program can write it directly. */
import type { Fault } from '../faults/fault.js';
import type { ShareEntry } from '../machine/contract.js';

/** By the kernel's own hibernation, or by the system call snapshot(2). */
export type SuspendMethod = 'swsusp' | 'sys_snapshot';

/** Of a suspend that names none. */
export const DEFAULT_METHOD: SuspendMethod = 'sys_snapshot';

export const PROOFS = ['memory', 'image', 'disk', 'filesystems'] as const;
/** What `verify` looks at; all of them unless told. */
export type Proof = (typeof PROOFS)[number];

export interface MachineOptions {
  readonly memoryMiB: number;
  readonly seed: number;
  /** A flavour, `release` or `debug`, or the path of a folder with a kernel of one's own. */
  readonly kernel: string;
  /** Added to the kernel command line. */
  readonly cmdline: readonly string[];
  readonly wallClockMs: number;
  /** A folder that the guest can mount by 9p, as the scenario names it, or {@link EMPTY_SHARE}. */
  readonly share?: string;
}

/** A share that begins without files. */
export const EMPTY_SHARE = 'empty';

/** A file that is copied into the guest once its agent answers. */
export interface GuestFile {
  /** As its user names it on the host, for messages. */
  readonly from?: string;
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** What a command is expected to do. */
export interface CommandStep {
  readonly command: string;
  /** Expected exit status. */
  readonly exit: number;
  /** A pattern (see `pattern.ts`) that the standard output must match. */
  readonly stdout?: string;
  /** Virtual time within which it must end. */
  readonly timeoutMs: number;
  /** When it fails, the commands and steps after it are done all the same. */
  readonly continue?: true;
}

/** That a suspend must be refused, and how. */
export interface Refusal {
  /** A pattern (see `pattern.ts`) that a line of the console, or of what the suspending command prints, must match. */
  readonly refused: string;
  /** Name of the error number that the kernel must answer: `EBUSY`. */
  readonly errno?: string;
}

export type Step =
  | { readonly do: 'boot' }
  | ({ readonly do: 'run' } & CommandStep)
  /** Runs in the background from here on, through every suspend. */
  | {
      readonly do: 'start';
      readonly name: string;
      readonly command: string;
      /** The status with which it may end by itself; without it, it is to run on. */
      readonly exit?: number;
    }
  | { readonly do: 'selfcheck'; readonly phase: 'start' | 'verify' }
  | {
      readonly do: 'suspend';
      readonly method: SuspendMethod;
      /** Between power-off and power-on. */
      readonly offMs: number;
      /** Run by the live timeline before any of the image has been read (sys_snapshot only). */
      readonly beforeSaving?: readonly CommandStep[];
      /** Run by the live timeline while the image is saved (sys_snapshot only). */
      readonly whileSaving: readonly CommandStep[];
      /** Where the live timeline's changes go (sys_snapshot only): sdb1 unless told. */
      readonly store?: 'memory';
      /** False: the image is saved as it is (sys_snapshot only), for less work of the guest at either end. */
      readonly compress?: false;
      /** It must be refused, and the machine runs on. */
      readonly refusal?: Refusal;
      /** Virtual time until the machine is off, without the commands of the live timeline; a default unless told. */
      readonly timeoutMs?: number;
      readonly faults: readonly Fault[];
    }
  | { readonly do: 'cutPower' }
  | { readonly do: 'resume'; readonly faults: readonly Fault[]; readonly timeoutMs?: number }
  | { readonly do: 'verify'; readonly proofs: readonly Proof[] }
  | { readonly do: 'shutdown'; readonly timeoutMs?: number }
  | { readonly do: 'repeat'; readonly times: number; readonly steps: readonly Step[] };

/** A step that is done at once; `unroll` makes such steps of every list. */
export type SimpleStep = Exclude<Step, { do: 'repeat' }>;

/** What a console must and may show, as patterns (see `pattern.ts`) for its lines. */
export interface ConsoleRules {
  /** Each must match a line of the main run. What it matches is no fault. */
  readonly expect: readonly string[];
  /** What one of these matches is no fault. */
  readonly allow: readonly string[];
}

export interface Plan {
  readonly name: string;
  readonly machine: MachineOptions;
  readonly files: readonly GuestFile[];
  /** What `machine.share` holds when the run begins. It outlives the machine's power, as disks do. */
  readonly share?: readonly ShareEntry[];
  /** What the guest's shell does at each boot, before anything else; each must succeed. */
  readonly bootCommands?: readonly string[];
  readonly steps: readonly Step[];
  /** Without them, every kernel fault on a console is a finding. */
  readonly console?: ConsoleRules;
  /** Run the same steps once more without the suspends, and check the same. */
  readonly control: boolean;
}

export const DEFAULT_MACHINE: MachineOptions = {
  memoryMiB: 256,
  seed: 1,
  kernel: 'release',
  cmdline: [],
  wallClockMs: Date.UTC(2026, 0, 1),
};

/** The steps with each `repeat` written out. */
export function unroll(steps: readonly Step[]): readonly SimpleStep[] {
  return steps.flatMap((step) =>
    step.do === 'repeat' ? Array.from({ length: step.times }, () => unroll(step.steps)).flat() : [step],
  );
}

/**
 * The steps of the control run: the same work on a machine that never loses power before it is shut down.
 * What happens in a live timeline only has no place in it, nor has a boot after a power cut that it does not suffer.
 * `running` says whether the machine runs when the steps begin.
 */
export function controlSteps(steps: readonly Step[], running = false): readonly Step[] {
  let isOn = running;
  return unroll(steps).filter(({ do: what }) => {
    if (what === 'suspend' || what === 'resume' || what === 'cutPower' || what === 'verify') return false;
    if (what === 'boot' && isOn) return false;
    isOn = what !== 'shutdown';
    return true;
  });
}

export interface SplitSteps {
  readonly before: readonly Step[];
  readonly rest: readonly Step[];
}

/**
 * The steps before the first suspend, which main and control run have in common, and the rest of the main run.
 * Undefined when nothing is suspended, or when the machine has another life before it.
 */
export function splitAtSuspend(steps: readonly Step[]): SplitSteps | undefined {
  const all = unroll(steps);
  const at = all.findIndex(({ do: what }) => what === 'suspend');
  const before = all.slice(0, Math.max(0, at));
  const simple =
    before[0]?.do === 'boot' &&
    before.slice(1).every(({ do: what }) => what === 'run' || what === 'start' || what === 'selfcheck');
  return simple ? { before, rest: all.slice(at) } : undefined;
}
