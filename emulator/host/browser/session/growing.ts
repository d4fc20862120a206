// SPDX-License-Identifier: MIT
/** The verdict of a run while it is worked out. */
import type { Collected } from '../../../cycle/evidence.js';
import type { MachineShown } from '../../../cycle/machines.js';
import type { Finding, RunOutcome } from '../../../cycle/outcome.js';
import { reportOf, type ReportContext } from '../../../report/model.js';
import { renderText } from '../../../report/text.js';
import { endMs } from './elapsed.js';

export interface SoFar {
  readonly collected: Collected;
  /** Those of the control run, too. */
  readonly findings: readonly Finding[];
  readonly machines: readonly MachineShown[];
}

/** Of a run that has only begun. */
export const NOTHING_COLLECTED: Collected = {
  cycles: [],
  filesystems: [],
  selfChecks: [],
  commands: [],
  findings: [],
  stepsNotRun: [],
};

/** What the command line would print of the run, as far as it is known. */
export const growingText = (soFar: SoFar, context: ReportContext): string =>
  renderText(reportOf(outcomeSoFar(soFar), context), { colour: false, isOver: false });

function outcomeSoFar({ collected, findings, machines }: SoFar): RunOutcome {
  const total = {
    virtualMs: endMs(machines),
    instructions: machines.reduce((sum, { instructions }) => sum + instructions, 0),
  };
  const main = { ...collected, total, stateHash: '', console: new Uint8Array() };
  return { main, control: undefined, findings };
}
