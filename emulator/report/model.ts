// SPDX-License-Identifier: MIT
/** The report of a run: what `--json` writes, described by report.schema.json. */
import type {
  CommandOutcome,
  CycleOutcome,
  FilesystemOutcome,
  Finding,
  RunOutcome,
  StepNotRun,
  TimelineOutcome,
} from '../cycle/outcome.js';
import type { FreezeOrder, MachineOptions, Plan, SuspendMethod } from '../cycle/plan.js';
import { ENGINES } from '../engines/names.js';
import type { DiskBus } from '../machine/contract.js';
import { counted } from './numbers.js';

export interface ReportFailure extends Finding {
  /** The one command that reproduces it. */
  readonly replay: string;
}

export interface SelfCheckCount {
  readonly passed: number;
  readonly failed: number;
}

export interface Report {
  readonly formatVersion: 1;
  readonly verdict: 'pass' | 'fail';
  readonly scenario: {
    readonly name: string;
    readonly file: string | null;
    /** The working directory of the run. `file` and the command in `replay` are relative to it. */
    readonly directory?: string;
    readonly sha256: string;
  };
  /** The method of the first suspend; null when nothing was suspended. */
  readonly method: SuspendMethod | null;
  readonly kernel: { readonly version: string; readonly flavour: string; readonly sha256: string };
  /** Absent in reports of versions that had only one engine, `v86`. */
  readonly machine?: {
    readonly engine: string;
    readonly arch: string;
    readonly processors: number;
    /** Absent means `ide`. */
    readonly diskBus?: DiskBus;
    /** What each snapshot(2) froze first; absent means the kernel's own order. */
    readonly freezeOrder?: FreezeOrder;
    /** A run with the same inputs goes through the same states. Otherwise `stateHash` differs from run to run. */
    readonly deterministic: boolean;
    /** Otherwise `instructions` counts markers and writes. */
    readonly countsInstructions: boolean;
  };
  readonly seed: number;
  /** Suspends that were resumed, and snapshots that were rolled back. */
  readonly cycles: number;
  readonly memory: {
    readonly pagesCompared: number;
    readonly pagesDiffering: number;
    readonly pagesByReason: Readonly<Record<string, number>>;
  };
  readonly image: { readonly bytes: number; readonly pagesCompared: number; readonly pagesDiffering: number };
  readonly disk: {
    readonly sectorsCompared: number;
    readonly sectorsDiffering: number;
    readonly originSectorsWritten: number;
  };
  readonly filesystems: readonly FilesystemOutcome[];
  readonly selfChecks: SelfCheckCount & { readonly control: SelfCheckCount | null };
  /** The longest of all cycles. */
  readonly frozen: { readonly virtualMs: number; readonly instructions: number };
  readonly offMs: number;
  readonly instructions: number;
  readonly virtualMs: number;
  readonly realMs: number;
  readonly stateHash: string;
  /** The totals of the control run and the last state of its machine; absent when there was none. */
  readonly controlRun?: { readonly instructions: number; readonly virtualMs: number; readonly stateHash: string };
  readonly failures: readonly ReportFailure[];
  /** The results of the scenario's commands, those of the control run last. */
  readonly commands: readonly CommandOutcome[];
  /** Steps and commands that were not run because of a failure before them. */
  readonly stepsNotRun: readonly StepNotRun[];
  readonly replay: string;
  readonly perCycle: readonly CycleOutcome[];
  readonly options: Readonly<Record<string, unknown>>;
  /** SHA-256 (hex) by name. */
  readonly artifacts: Readonly<Record<string, string>>;
  readonly packages: Readonly<Record<string, string>>;
  /** Unusual circumstances of the run that are no errors. */
  readonly notes?: readonly string[];
}

/** A scenario that was asked for and that has no report, because the command ended before it had a verdict. */
export interface NoVerdict {
  /** The name of the scenario, or its file when the name is not known. */
  readonly name: string;
  /** The reason, in a sentence. */
  readonly reason: string;
  /** More lines about the reason: its causes and the remedy. */
  readonly details: readonly string[];
}

/** True for a scenario that has a verdict. */
export const hasVerdict = (result: Report | NoVerdict): result is Report => 'verdict' in result;

/** The contents of a report besides the run's outcome. */
export interface ReportContext {
  readonly plan: Plan;
  readonly scenario: Report['scenario'];
  readonly kernel: Report['kernel'];
  readonly realMs: number;
  readonly replay: string;
  readonly options: Report['options'];
  readonly artifacts: Report['artifacts'];
  readonly packages: Report['packages'];
  readonly notes?: readonly string[];
}

/** Engine, architecture, processors and unusual disks of the run, for people; undefined for a report that does not say them. */
export const machineWords = ({ machine }: Pick<Report, 'machine'>): readonly string[] | undefined =>
  machine && [
    `${machine.engine} ${machine.arch}`,
    counted(machine.processors, 'processor'),
    ...(machine.diskBus === undefined ? [] : [`${machine.diskBus} disks`]),
    ...(machine.freezeOrder === undefined ? [] : [machine.freezeOrder.replace('-', ' ')]),
  ];

/** What the command in `replay` cannot do, if so. */
export const replayLimit = ({ machine }: Pick<Report, 'machine'>): string | undefined =>
  machine?.deterministic === false
    ? `another run with the same inputs: a run of ${machine.engine} cannot be repeated bit by bit`
    : undefined;

/** Details and remedy of a failure, line by line. */
export function explanation({ details, remedy }: Pick<Finding, 'details' | 'remedy'>): readonly string[] {
  return remedy === undefined ? details : [...details, `what to do: ${remedy}`];
}

/** The report of `outcome`. */
export function reportOf(outcome: RunOutcome, context: ReportContext): Report {
  const { main, control, findings } = outcome;
  const first =
    main.cycles.find(({ rolledBack, committed }) => rolledBack !== true && committed !== true) ?? main.cycles[0];
  return {
    formatVersion: 1,
    verdict: findings.length === 0 ? 'pass' : 'fail',
    scenario: context.scenario,
    method: first?.method ?? null,
    kernel: context.kernel,
    machine: machineOf(context.plan.machine),
    seed: context.plan.machine.seed,
    cycles: main.cycles.length,
    memory: {
      pagesCompared: sum(main, ({ memory }) => memory?.pagesCompared),
      pagesDiffering: sum(main, ({ memory }) => memory?.pagesDiffering),
      pagesByReason: reasons(main),
    },
    image: {
      bytes: Math.max(0, ...main.cycles.map(({ image }) => image?.bytes ?? 0)),
      pagesCompared: sum(main, ({ image }) => image?.pagesCompared),
      pagesDiffering: sum(main, ({ image }) => image?.pagesDiffering),
    },
    disk: {
      sectorsCompared: sum(main, ({ disk }) => disk?.sectorsCompared),
      sectorsDiffering: sum(main, ({ disk }) => disk?.sectorsDiffering),
      originSectorsWritten: sum(main, ({ disk }) => disk?.originSectorsWritten),
    },
    filesystems: main.filesystems,
    selfChecks: { ...count(main), control: control ? count(control) : null },
    frozen: longest(main.cycles),
    offMs: first?.offMs ?? 0,
    instructions: main.total.instructions,
    virtualMs: main.total.virtualMs,
    realMs: context.realMs,
    stateHash: main.stateHash,
    ...(control && { controlRun: { ...control.total, stateHash: control.stateHash } }),
    failures: findings.map((finding) => ({ ...finding, replay: context.replay })),
    commands: [...main.commands, ...(control?.commands ?? [])],
    stepsNotRun: [...main.stepsNotRun, ...(control?.stepsNotRun ?? [])],
    replay: context.replay,
    perCycle: main.cycles,
    options: context.options,
    artifacts: context.artifacts,
    packages: context.packages,
    ...(context.notes !== undefined && context.notes.length > 0 && { notes: context.notes }),
  };
}

function machineOf(machine: MachineOptions): NonNullable<Report['machine']> {
  const { engine, arch, processors, diskBus, freezeOrder } = machine;
  const { deterministic, countsInstructions } = ENGINES[engine];
  return {
    engine,
    arch,
    processors,
    ...(diskBus !== 'ide' && { diskBus }),
    ...(freezeOrder !== undefined && { freezeOrder }),
    deterministic,
    countsInstructions,
  };
}

function sum(of: TimelineOutcome, pick: (cycle: CycleOutcome) => number | undefined): number {
  return of.cycles.reduce((total, cycle) => total + (pick(cycle) ?? 0), 0);
}

function reasons(of: TimelineOutcome): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { memory } of of.cycles) {
    for (const [reason, pages] of Object.entries(memory?.pagesByReason ?? {})) all[reason] = (all[reason] ?? 0) + pages;
  }
  return all;
}

function count({ selfChecks }: TimelineOutcome): SelfCheckCount {
  const passed = selfChecks.filter((check) => check.passed).length;
  return { passed, failed: selfChecks.length - passed };
}

function longest(cycles: readonly CycleOutcome[]): Report['frozen'] {
  return cycles.reduce((most, { frozen }) => (frozen && frozen.virtualMs > most.virtualMs ? frozen : most), {
    virtualMs: 0,
    instructions: 0,
  });
}
