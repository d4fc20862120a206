// SPDX-License-Identifier: MIT
/** The page with the machine that a scenario describes. */
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { InputError } from '../../emulator/machine/errors.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';
import { obtainMachineFiles } from '../run/machine-files.js';
import type { LoadedScenario } from '../run/scenario-file.js';
import { pageFiles, type PageFiles } from './files.js';

/** @throws InputError when the machine of the scenario cannot be in a browser. */
export function checkForBrowser({ file, plan }: LoadedScenario): void {
  const { engine } = plan.machine;
  if (engine !== 'v86')
    throw new InputError(`${file} needs a machine of the engine ${engine}, which does not run in a browser`, {
      remedy: 'name a scenario whose machine runs on the engine v86',
    });
  if (plan.share !== undefined)
    throw new InputError(`${file} gives its machine a share, which the page cannot do`, {
      remedy: 'name a scenario without `share`',
    });
}

/**
 * Builds what is missing, and answers the page's files.
 * @throws InputError when the machine of the scenario cannot be in a browser, RigError when something cannot be built.
 */
export async function scenarioPage(loaded: LoadedScenario, context: BuildContext): Promise<PageFiles> {
  checkForBrowser(loaded);
  const { config } = await obtainMachineFiles(loaded.plan.machine, loaded.scenario.disks, context);
  context.progress('compressing the disks for the page');
  return pageFiles(config, USER_MARKERS.agentReady);
}
