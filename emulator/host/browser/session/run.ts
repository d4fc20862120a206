// SPDX-License-Identifier: MIT
/** Runs the scenario of the page as `snapback run` does: the same cycle, the same proofs, the same report. */
import { bootStates, type Booter } from '../../../cycle/boot.js';
import { runPlan } from '../../../cycle/run.js';
import type { Engine } from '../../../machine/contract.js';
import { reportOf, type Report } from '../../../report/model.js';
import { createProofs } from '../../../verify/proofs.js';
import type { LoadedScenario } from '../storage/machine-files.js';
import { sha256Hex } from '../storage/digest.js';
import { disksOf } from './disks.js';
import { browserMatcher } from './matcher.js';
import type { FromSession } from './protocol.js';

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
declare const navigator: { readonly userAgent: string };

/** What a browser cannot do of the proofs. */
const NO_CHECKERS =
  'filesystems were not checked, because their tools are programs of the host: `snapback run` does it';

/** `pause`: see `TimelineDeps`. @throws InputError, RigError; errors of the guest are in the report. */
export async function runScenario(
  { plan, config, configKey, systemMap, facts, bootStateOf }: LoadedScenario,
  engine: Engine,
  tell: (message: FromSession) => void,
  pause?: (next: string) => Promise<void>,
): Promise<Report> {
  const startedMs = performance.now();
  const booter: Booter = {
    engine,
    config,
    configKey,
    // What is made is kept by the boot states for this run. Of the page's own states there is nothing to keep.
    cache: { get: (key) => Promise.resolve(bootStateOf(key)), put: () => Promise.resolve() },
    onConsole: (bytes) => tell({ tell: 'console', bytes }),
    onProgress: (what) => {
      if (what !== '') tell({ tell: 'step', what, fraction: undefined });
    },
  };
  const { highMemoryMiB } = config;
  tell({ tell: 'disks', disks: disksOf(config.disks, plan) });
  const outcome = await runPlan(plan, {
    booter,
    states: bootStates(),
    proofs: createProofs({
      systemMap,
      ...(highMemoryMiB !== undefined && { highMemoryMiB }),
      check: () => Promise.resolve(undefined),
    }),
    matcher: browserMatcher(),
    hash: sha256Hex,
    ...(pause && { pause }),
    onMachine: (machine) => tell({ tell: 'machine', machine }),
    onFinding: (finding) => tell({ tell: 'finding', finding }),
    onCommand: (command) => tell({ tell: 'command', command }),
    say: (what, fraction) => tell({ tell: 'step', what, fraction }),
  });
  return reportOf(outcome, {
    ...facts,
    plan,
    realMs: Math.round(performance.now() - startedMs),
    packages: { ...facts.packages, browser: navigator.userAgent },
    notes: [...(facts.notes ?? []), NO_CHECKERS],
  });
}
