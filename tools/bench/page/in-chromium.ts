// SPDX-License-Identifier: MIT
/** Runs in the page, beside its own programs: boots the page's machine from power-on, which the page itself never does. */
import { createBrowserEngine } from '../../../emulator/engines/v86/host-browser/engine.js';
import { loadMachine, loadScenario } from '../../../emulator/host/browser/storage/machine-files.js';
import { descriptionPath } from '../../../emulator/host/browser/storage/scenario-list.js';
import { bootOnce } from '../boot-once.js';

const none = (): void => undefined;

/**
 * Answers the time of a boot to the shell, in ms, by an engine that has no compiled code yet. What the machine needs is loaded before.
 * @param page URL of the page.
 */
export async function bootPageMachine(page: string): Promise<number> {
  const machine = await loadMachine(new URL(descriptionPath(undefined), page).href, none, none);
  const { config } = await loadScenario(machine, none);
  const { wasm, workerUrl } = machine;
  return bootOnce(createBrowserEngine({ workerUrl, wasm }), config);
}
