// SPDX-License-Identifier: MIT
/** A cell of a matrix: one scenario on one machine, run on the kernel without and with the patches. */
import type { MachineShown } from '../cycle/machines.js';
import type { Finding } from '../cycle/outcome.js';
import type { FreezeOrder, KernelFlavour, SuspendMethod } from '../cycle/plan.js';
import type { Report } from '../report/model.js';
import type { Parameters } from '../scenario/parameters.js';
import type { Bounds } from './figure-change.js';
import { figuresOf, type Figures } from './figures.js';
import { storedCopies, storedMachines, type StoredDisk, type StoredKinds, type StoredMachine } from './shown.js';

export interface Cell {
  /** Unique in its matrix. */
  readonly name: string;
  /** A name of `test/scenarios`, without its ending, or the path of a file. */
  readonly scenario: string;
  /** What the cell has instead of the scenario's own. */
  readonly seed?: number;
  readonly memoryMiB?: number;
  readonly freezeOrder?: FreezeOrder;
  /** Of all its suspends. */
  readonly method?: SuspendMethod;
  /** Of parameters that the scenario has. */
  readonly parameters?: Parameters;
  /** Of its kernel, instead of that of the validation. */
  readonly flavour?: KernelFlavour;
  /** How much its figures may change, in per cent, before that is reported. They decide about the comparison, and not about the runs. */
  readonly bounds?: Bounds;
}

/** The cell names a file, and not one of the scenarios that Snapback brings along. */
export const isScenarioFile = ({ scenario }: Pick<Cell, 'scenario'>): boolean => /[./]/.test(scenario);

/** What came of a cell on one kernel. It depends on contents alone, not on where they are. */
export interface CellResult {
  readonly verdict: Report['verdict'];
  readonly findings: readonly Finding[];
  readonly figures: Figures;
  readonly stateHash: string;
  /** SHA-256 (hex) of all that the machine was made of, by name. It and what follows are no part of the JSON of a validation. */
  readonly artifacts: Report['artifacts'];
  /** Those of the main run. */
  readonly machines: readonly StoredMachine[];
  readonly disks: readonly StoredDisk[];
  /** The memory at the atomic copies. */
  readonly copies: readonly StoredKinds[];
  /** The end of the console; absent when the run has passed. */
  readonly console?: string;
}

/** On this host. */
export interface ReplayableResult extends Omit<CellResult, 'artifacts' | 'machines' | 'disks' | 'copies' | 'console'> {
  /** The command that repeats the run. */
  readonly replay: string;
}

/** Characters that are kept of a console. */
const CONSOLE_CHARACTERS_MAX = 65_536;

export const resultOf = (
  report: Report,
  shown: {
    readonly machines: readonly MachineShown[];
    readonly disks: readonly StoredDisk[];
    readonly copies: readonly Uint8Array[];
    readonly console: string;
  },
): CellResult => ({
  verdict: report.verdict,
  findings: report.failures.map(({ replay: _, ...finding }) => finding),
  figures: figuresOf(report),
  stateHash: report.stateHash,
  artifacts: report.artifacts,
  machines: storedMachines(shown.machines),
  disks: shown.disks,
  copies: storedCopies(shown.copies),
  ...(report.verdict === 'fail' && { console: shown.console.slice(-CONSOLE_CHARACTERS_MAX) }),
});
