// SPDX-License-Identifier: MIT
/** The plan of a run, as plain data. It is read from a scenario file, or a program makes it directly. */
import type { EngineName } from '../engines/names.js';
import type { Fault } from '../faults/fault.js';
import type { DiskBus, ShareEntry } from '../machine/contract.js';

/** By the kernel's own hibernation, or by the system call snapshot(2). */
export const SUSPEND_METHODS = ['swsusp', 'sys_snapshot'] as const;
export type SuspendMethod = (typeof SUSPEND_METHODS)[number];

/** The method of a suspend that names none. */
export const DEFAULT_METHOD: SuspendMethod = 'sys_snapshot';

export const PROOFS = ['memory', 'image', 'disk', 'filesystems'] as const;
/** The proofs of `verify`; all of them by default. */
export type Proof = (typeof PROOFS)[number];

/** Architectures of guest kernels, by the kernel's own names. */
export const ARCHITECTURES = ['i386', 'x86_64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The values of `/sys/kernel/snapshot/freeze_order`. */
export const FREEZE_ORDERS = ['tasks-first', 'filesystems-first'] as const;
export type FreezeOrder = (typeof FREEZE_ORDERS)[number];

/** Traits of an engine (see EngineTraits) that a scenario can ask for by name. */
export const MACHINE_NEEDS = ['deterministic', 'ownTime'] as const;
export type MachineNeed = (typeof MACHINE_NEEDS)[number];

/** The source of a kernel: with the series, or as the kernel's maintainers have released it. */
export const KERNEL_BASES = ['series', 'pristine'] as const;
export type KernelBase = (typeof KERNEL_BASES)[number];

/** Kernels that are built for the guest: as it is used, and with the kernel's own checks; both also of the pristine source. */
export const KERNEL_FLAVOURS = ['release', 'debug', 'pristine', 'pristine-debug'] as const;
export type KernelFlavour = (typeof KERNEL_FLAVOURS)[number];

export const isFlavour = (name: string): name is KernelFlavour => (KERNEL_FLAVOURS as readonly string[]).includes(name);

/** What a flavour is built of. `checked`: with the kernel's own checks. */
export const FLAVOUR_TRAITS = {
  release: { base: 'series', checked: false },
  debug: { base: 'series', checked: true },
  pristine: { base: 'pristine', checked: false },
  'pristine-debug': { base: 'pristine', checked: true },
} as const satisfies Record<KernelFlavour, { readonly base: KernelBase; readonly checked: boolean }>;

/** The flavour of another source that is like `flavour` in all else. */
export function flavourOf(base: KernelBase, flavour: KernelFlavour): KernelFlavour {
  const { checked } = FLAVOUR_TRAITS[flavour];
  if (base === 'series') return checked ? 'debug' : 'release';
  return checked ? 'pristine-debug' : 'pristine';
}

export interface MachineOptions {
  readonly engine: EngineName;
  /** Of the guest kernel. */
  readonly arch: Architecture;
  readonly processors: number;
  /** NUMA nodes; one unless told. */
  readonly nodes?: number;
  readonly memoryMiB: number;
  /** Of that, what lies at addresses from 4 GiB on; nothing unless told. */
  readonly highMemoryMiB?: number;
  readonly diskBus: DiskBus;
  /** What each snapshot(2) freezes first; the kernel's own order unless told. */
  readonly freezeOrder?: FreezeOrder;
  readonly seed: number;
  /** A flavour (see {@link KERNEL_FLAVOURS}), or the path of a folder with the user's own kernel. */
  readonly kernel: string;
  /** Added to the kernel command line. */
  readonly cmdline: readonly string[];
  readonly wallClockMs: number;
  /** The disks have a cache that a power cut loses. */
  readonly volatileCaches?: true;
  /** A folder that the guest can mount by 9p, with its name in the scenario, or {@link EMPTY_SHARE}. */
  readonly share?: string;
  /** What the engine must promise, because the scenario would not mean the same without. */
  readonly needs?: readonly MachineNeed[];
}

/** A share that begins without files. */
export const EMPTY_SHARE = 'empty';

/** A file that is copied into the guest once its agent answers. */
export interface GuestFile {
  /** Its name on the host as given by the user, for messages. */
  readonly from?: string;
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** A command and the expectations of it. */
export interface CommandStep {
  readonly command: string;
  /** Expected exit status. */
  readonly exit: number;
  /** A pattern (see `pattern.ts`) that the standard output must match. */
  readonly stdout?: string;
  /** Virtual time within which it must end. */
  readonly timeoutMs: number;
  /** True: when it fails, the commands and steps after it are still run. */
  readonly continue?: true;
}

/** The expected refusal of a suspend. */
export interface Refusal {
  /** A pattern (see `pattern.ts`) that must match a line of the console or of the suspending command's output. */
  readonly refused: string;
  /** Name of the error number that the kernel must return: `EBUSY`. */
  readonly errno?: string;
}

export type Step =
  | {
      readonly do: 'boot';
      /** Only at a boot that is not the first: that one copies the files of the plan. */
      readonly faults?: readonly Fault[];
      /**
       * The boot must stop before the root filesystem is mounted, and this pattern (see `pattern.ts`) match one of the last
       * lines of the console. The machine is then turned off.
       */
      readonly stops?: string;
    }
  | ({ readonly do: 'run' } & CommandStep)
  /** Starts a program in the background, where it stays running through every suspend. */
  | {
      readonly do: 'start';
      readonly name: string;
      readonly command: string;
      /** The status with which the program may end by itself. Without it, the program must not end. */
      readonly exit?: number;
    }
  | { readonly do: 'selfcheck'; readonly phase: 'start' | 'verify' }
  | {
      readonly do: 'suspend';
      readonly method: SuspendMethod;
      /** Between power-off and power-on. */
      readonly offMs: number;
      /** Run by the live timeline before it begins to read the image (sys_snapshot only). */
      readonly beforeSaving?: readonly CommandStep[];
      /** Run by the live timeline while the image is saved (sys_snapshot only). */
      readonly whileSaving: readonly CommandStep[];
      /** How the live timeline ends (sys_snapshot only): by default it saves the image and powers off. */
      readonly then?: 'rollback' | 'commit';
      /**
       * A command line that takes the snapshot and ends its live timeline by itself (sys_snapshot only), instead of that
       * of the rig.
       */
      readonly command?: string;
      /** The swap area of the image, a device or a file (swsusp only); by default that of the kernel command line. */
      readonly swap?: string;
      /** The COW store (sys_snapshot only); sdb1 by default. */
      readonly store?: 'memory';
      /** Volumes (`sdb4`) that the live timeline may write besides its stores: none of them was in use at the snapshot. */
      readonly mayWrite?: readonly string[];
      /** False: the image is saved without compression (sys_snapshot only), which saves work of the guest. */
      readonly compress?: false;
      /** The image is not marked as used, and can be resumed from again while all is as it was (sys_snapshot only). */
      readonly keep?: true;
      /** The suspend must be refused, and the machine continues. */
      readonly refusal?: Refusal;
      /**
       * Virtual time until the machine is off, without the commands of the live timeline; undefined means the default.
       */
      readonly timeoutMs?: number;
      readonly faults: readonly Fault[];
    }
  | { readonly do: 'cutPower' }
  | { readonly do: 'resume'; readonly faults: readonly Fault[]; readonly timeoutMs?: number }
  | { readonly do: 'verify'; readonly proofs: readonly Proof[] }
  | { readonly do: 'shutdown'; readonly timeoutMs?: number }
  | { readonly do: 'repeat'; readonly times: number; readonly steps: readonly Step[] };

/** A step without steps of its own. `unroll` turns every list into such steps. */
export type SimpleStep = Exclude<Step, { do: 'repeat' }>;

/** The lines that a console must show and may show, as patterns (see `pattern.ts`). */
export interface ConsoleRules {
  /** Each must match a line of the main run. A matching line is no fault. */
  readonly expect: readonly string[];
  /** A line that matches one of these is no fault. */
  readonly allow: readonly string[];
}

export interface Plan {
  readonly name: string;
  readonly machine: MachineOptions;
  readonly files: readonly GuestFile[];
  /** The contents of `machine.share` when the run begins. Like disks, the share keeps its contents without power. */
  readonly share?: readonly ShareEntry[];
  /** Commands that the guest's shell runs first at each boot. Each must succeed. */
  readonly bootCommands?: readonly string[];
  readonly steps: readonly Step[];
  /** Without them, every kernel fault on a console is a finding. */
  readonly console?: ConsoleRules;
  /** Run the same steps once more without the suspends, with the same checks. */
  readonly control: boolean;
}

export const DEFAULT_MACHINE: MachineOptions = {
  engine: 'v86',
  arch: 'i386',
  processors: 1,
  memoryMiB: 256,
  diskBus: 'ide',
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
 * Steps of a live timeline are left out. A boot after a power cut is left out, too, because this machine has no power
 * cut. `running` says whether the machine runs when the steps begin.
 */
export function controlSteps(steps: readonly Step[], running = false): readonly Step[] {
  let isOn = running;
  return unroll(steps).filter((step) => {
    const { do: what } = step;
    if (what === 'suspend' || what === 'resume' || what === 'cutPower' || what === 'verify') return false;
    if (step.do === 'boot' && (isOn || endsOff(step))) return false;
    isOn = what !== 'shutdown';
    return true;
  });
}

/** The faults of a step, for those that have any. */
export const faultsOf = (step: SimpleStep): readonly Fault[] =>
  step.do === 'suspend' || step.do === 'resume' ? step.faults : step.do === 'boot' ? (step.faults ?? []) : [];

/** Is the machine off after this boot? */
export const endsOff = ({ faults = [], stops }: Extract<SimpleStep, { do: 'boot' }>): boolean =>
  stops !== undefined || faults.some(({ fault }) => fault === 'cutPower');

export interface SplitSteps {
  readonly before: readonly Step[];
  readonly rest: readonly Step[];
}

/**
 * The steps before the first suspend, which main and control run have in common, and the rest of the main run.
 * Undefined when there is no suspend, or when the machine is turned off before it.
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
