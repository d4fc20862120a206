// SPDX-License-Identifier: MIT
/** The page with the machine that a scenario describes. */
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packageVersions } from '../../emulator/host/node/versions.js';
import { InputError } from '../../emulator/machine/errors.js';
import { machineAtAgent } from '../run/at-agent.js';
import { reportFacts } from '../run/run-scenario.js';
import type { LoadedScenario } from '../run/scenario-file.js';
import type { PageFiles } from './files.js';
import { pageFiles, type PageContent } from './machine-files.js';

/** Why the machine of a scenario cannot be in a browser, and what to do; undefined when it can. */
export function unfitForBrowser({
  plan,
}: Pick<LoadedScenario, 'plan'>): { readonly why: string; readonly remedy: string } | undefined {
  const { engine } = plan.machine;
  if (engine !== 'v86')
    return {
      why: `needs a machine of the engine ${engine}, which does not run in a browser`,
      remedy: 'name a scenario whose machine runs on the engine v86',
    };
  if (plan.share !== undefined)
    return { why: 'gives its machine a share, which the page cannot do', remedy: 'name a scenario without `share`' };
  return undefined;
}

/** @throws InputError when the machine of the scenario cannot be in a browser. */
export function checkForBrowser(loaded: LoadedScenario): void {
  const unfit = unfitForBrowser(loaded);
  if (unfit) throw new InputError(`${loaded.file} ${unfit.why}`, { remedy: unfit.remedy });
}

/**
 * Builds what is missing, and answers the files of a page that has only this scenario.
 * @throws InputError when the machine of the scenario cannot be in a browser, RigError when something cannot be built.
 */
export async function scenarioPage(loaded: LoadedScenario, context: BuildContext): Promise<PageFiles> {
  const content = await pageContent(loaded, context);
  context.progress('compressing the files of the page');
  return pageFiles(content);
}

/** Builds what is missing, and boots the machine. @throws as {@link scenarioPage}. */
export async function pageContent(loaded: LoadedScenario, context: BuildContext): Promise<PageContent> {
  checkForBrowser(loaded);
  const { files, agentReady, beforeDisk } = await machineAtAgent(loaded, context);
  const { config, configKey, hashes, systemMap, bootCommands } = files;
  return {
    config,
    configKey,
    hashes,
    systemMap,
    agentReady,
    beforeDisk,
    plan: { ...loaded.plan, bootCommands },
    text: loaded.text,
    facts: { ...reportFacts(loaded, files), packages: withoutNode(packageVersions()) },
  };
}

/** The page runs in a browser instead. */
const withoutNode = ({ node: _, ...others }: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  others;
