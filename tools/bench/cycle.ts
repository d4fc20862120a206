// SPDX-License-Identifier: MIT
/** The suspend/resume cycle in our machine, by the same driver that runs scenarios. */
import { join } from 'node:path';
import { bootStates, type ByteCache } from '../../emulator/cycle/boot.js';
import type { Plan } from '../../emulator/cycle/plan.js';
import { runPlan } from '../../emulator/cycle/run.js';
import { runTimeline } from '../../emulator/cycle/timeline.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { Engine, Machine } from '../../emulator/machine/contract.js';
import { byteCache } from '../../emulator/host/node/byte-cache.js';
import type { MachineFiles } from '../run/machine-files.js';
import { nodeMatcher } from '../../emulator/host/node/matcher.js';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { sha256Hex } from '../../emulator/host/node/sha256.js';
import { GuestError } from '../../emulator/machine/errors.js';
import { cpuMs } from './cpu.js';
import { phaseOf, stopwatch, type CycleSample, type Phase } from './workload.js';

/** Where checkpoints are: in a cache of this process alone, which begins empty, or in files. */
export type Checkpoints = 'memory' | { readonly cacheDir: string };

/** Where a cycle's last checkpoint before the suspend lies: after boot, so that the work is done again, or after the work. */
export type StartsAt = 'boot' | 'suspend';

/**
 * Answers a function that runs one cycle and answers what it took, from its beginning to the answer of the guest's last command: there
 * QEMU's cycle ends, too. What is hashed then for a report is not counted in the times (though in processor time). All cycles of one such function share an
 * engine, and so compiled code, and the checkpoints that the first of them makes or reads.
 */
export function cycleRunner(
  files: MachineFiles,
  plan: Plan,
  checkpoints: Checkpoints,
): (startsAt: StartsAt) => Promise<CycleSample> {
  let onHash = (): void => undefined;
  const engine = watchingHashes(createV86Engine(), () => onHash());
  const states = bootStates();
  const cache = checkpoints === 'memory' ? memoryCache() : byteCache(join(checkpoints.cacheDir, 'checkpoints'));
  const proofs = nodeProofs(files);
  const matcher = nodeMatcher();
  return async (startsAt) => {
    const startCpuMs = cpuMs();
    const watch = stopwatch();
    let phase: Phase = 'boot';
    const say = (what: string): void => {
      watch.lap(phase);
      phase = phaseOf(what);
    };
    // The state of a machine is hashed when it has gone off; after the check that is the end.
    onHash = () => {
      if (phase === 'check') watch.end(phase);
    };
    const deps = {
      booter: { engine, config: files.config, configKey: files.configKey, cache },
      states,
      proofs,
      matcher,
      hash: sha256Hex,
      say,
    };
    const { findings } = startsAt === 'boot' ? await runTimeline(plan, plan.steps, deps) : await runPlan(plan, deps);
    const [found] = findings;
    if (found) throw new GuestError(`the cycle that is measured failed: ${found.what}`, { consoleTail: found.details });
    return { times: watch.times(), cpuMs: cpuMs() - startCpuMs };
  };
}

function watchingHashes(engine: Engine, onHash: () => void): Engine {
  const watched = (machine: Machine): Machine => ({
    ...machine,
    stateHash: () => {
      onHash();
      return machine.stateHash();
    },
  });
  return {
    ...engine,
    powerOn: async (config) => watched(await engine.powerOn(config)),
    restore: async (config, checkpoint) => watched(await engine.restore(config, checkpoint)),
  };
}

function memoryCache(): ByteCache {
  const entries = new Map<string, Uint8Array>();
  return {
    get: (key) => Promise.resolve(entries.get(key)),
    put: (key, bytes) => {
      entries.set(key, bytes);
      return Promise.resolve();
    },
  };
}
