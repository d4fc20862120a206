// SPDX-License-Identifier: MIT
/** In Node, the same as the page does in a browser: boots its machine, and runs its scenario with the proofs that a browser can make. */
import { encodeBootState } from '../../../emulator/cycle/boot-state.js';
import { bootStates } from '../../../emulator/cycle/boot.js';
import { runPlan } from '../../../emulator/cycle/run.js';
import { createV86Engine } from '../../../emulator/engines/v86/host-node/engine.js';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { byteComparer } from '../../../emulator/host/node/compare.js';
import { nodeMatcher } from '../../../emulator/host/node/matcher.js';
import { sha256Hex } from '../../../emulator/host/node/sha256.js';
import { GuestError } from '../../../emulator/machine/errors.js';
import { createProofs } from '../../../emulator/verify/proofs.js';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { pageContent } from '../../page/scenario-page.js';
import { loadScenario } from '../../run/scenario-file.js';
import { bootOnce } from '../boot-once.js';

/** The file of the scenario that is run in each environment. */
export const shortCycle = (): string => packagePath('tools', 'bench', 'page', 'cycle.yaml');

/** What is measured, once in each environment and turn. */
export const IN_CHROMIUM = ['boot', 'cycle'] as const;
export type InChromium = (typeof IN_CHROMIUM)[number];

/**
 * What is measured in Node. Each answers its time in ms. All cycles share an engine, as those of a page do, and each boot has its own.
 * @throws GuestError when the scenario does not pass.
 */
export async function inNode(context: BuildContext): Promise<Readonly<Record<InChromium, () => Promise<number>>>> {
  const { config, configKey, systemMap, agentReady, beforeDisk, plan } = await pageContent(
    await loadScenario(shortCycle()),
    context,
  );
  const made = new Map(
    Object.entries({ agentReady, beforeDisk }).map(([name, state]) => [`${name}-${configKey}`, encodeBootState(state)]),
  );
  const cache = { get: (key: string) => Promise.resolve(made.get(key)), put: () => Promise.resolve() };
  const engine = createV86Engine();
  const { highMemoryMiB } = config;
  return {
    boot: () => bootOnce(createV86Engine(), config),
    async cycle() {
      const startMs = performance.now();
      const { findings } = await runPlan(plan, {
        booter: { engine, config, configKey, cache },
        states: bootStates(),
        proofs: createProofs({
          systemMap,
          ...(highMemoryMiB !== undefined && { highMemoryMiB }),
          comparer: byteComparer,
          check: () => Promise.resolve(undefined),
        }),
        matcher: nodeMatcher(),
        hash: sha256Hex,
        say: () => undefined,
      });
      const [found] = findings;
      if (found)
        throw new GuestError(`the cycle that is measured failed: ${found.what}`, { consoleTail: found.details });
      return performance.now() - startMs;
    },
  };
}
