// SPDX-License-Identifier: MIT
/** All scenarios of `test/scenarios` on one machine. Those of a broken kernel must fail, each as it should. */
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { InputError } from '../../emulator/machine/errors.js';
import { excerptOf } from '../../emulator/report/excerpt.js';
import type { Report } from '../../emulator/report/model.js';
import { runScenario } from '../run/run-scenario.js';
import { loadScenario, UnfitMachine, type LoadedScenario } from '../run/scenario-file.js';
import { scenarioNames, scenarioPath } from '../run/scenario-names.js';
import { planOn, type SoakMachine } from './machine-options.js';
import { notCaught } from './mistakes.js';

const BROKEN = /^broken-(.+)$/;

export type ScenarioResult =
  /** `wrong`: lines about what went wrong. Empty when all was well. */
  | { readonly wrong: readonly string[] }
  /** The scenario needs what the machine does not have. */
  | { readonly unfit: string };

/** Loads a scenario for `machine`. @throws InputError when there is no such scenario, UnfitMachine when it cannot run there. */
export async function loadFor(name: string, machine: SoakMachine): Promise<LoadedScenario> {
  if (!scenarioNames().includes(name))
    throw new InputError(`there is no scenario ${name}`, { remedy: `one of ${scenarioNames().join(', ')}` });
  const loaded = await loadScenario(scenarioPath(name), machine);
  return { ...loaded, plan: planOn(loaded.plan, machine) };
}

/** Runs a scenario. @throws RigError, InputError */
export async function runOn(name: string, machine: SoakMachine, context: BuildContext): Promise<ScenarioResult> {
  let loaded: LoadedScenario;
  try {
    loaded = await loadFor(name, machine);
  } catch (error) {
    if (error instanceof UnfitMachine) return { unfit: error.problems };
    throw error;
  }
  const { report } = await runScenario(loaded, context, { say: () => undefined });
  const [, mistake] = BROKEN.exec(name) ?? [];
  if (mistake !== undefined) return { wrong: notCaught(mistake, report) };
  return { wrong: linesOf(report) };
}

/** Lines of evidence for each finding. */
const EVIDENCE_MAX = 24;

/** What a report found, with what shows the cause below each finding. */
export const linesOf = ({ failures }: Pick<Report, 'failures'>): readonly string[] =>
  failures.flatMap(({ kind, what, details }) => [
    `${kind}: ${what}`,
    ...excerptOf(kind, details, EVIDENCE_MAX).map((line) => `  ${line}`),
  ]);
