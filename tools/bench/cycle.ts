// SPDX-License-Identifier: MIT
/** The suspend/resume cycle in a machine of an engine of ours, by the same driver that runs scenarios. */
import { join } from 'node:path';
import { bootStates, type ByteCache } from '../../emulator/cycle/boot.js';
import type { Plan } from '../../emulator/cycle/plan.js';
import { runPlan } from '../../emulator/cycle/run.js';
import { runTimeline } from '../../emulator/cycle/timeline.js';
import type { Engine, Machine } from '../../emulator/machine/contract.js';
import { byteCache } from '../../emulator/host/node/byte-cache.js';
import { sharedEngine } from '../run/engines.js';
import type { MachineFiles } from '../run/machine-files.js';
import { nodeMatcher } from '../../emulator/host/node/matcher.js';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { sha256Hex } from '../../emulator/host/node/sha256.js';
import { GuestError } from '../../emulator/machine/errors.js';
import { cpuMs } from './cpu.js';
import { phaseOf, stopwatch, type CycleSample, type Phase } from './workload.js';

/** The place of checkpoints: a cache of this process, which begins empty, or files. */
export type Checkpoints = 'memory' | { readonly cacheDir: string };

/** The point of a cycle's last checkpoint before the suspend: after boot (the work is done again) or after the work. */
export type StartsAt = 'boot' | 'suspend';

/**
 * Returns a function that runs one cycle and returns its times, from its start to the answer of the guest's last
 * command, at which QEMU's cycle also ends. Hashing for a report comes after that: it counts only in the processor
 * time. All cycles of such a function share an engine, and so compiled code and the checkpoints that the first cycle
 * makes or reads.
 */
export function cycleRunner(
  files: MachineFiles,
  plan: Plan,
  checkpoints: Checkpoints,
): (startsAt: StartsAt) => Promise<CycleSample> {
  let onHash = (): void => undefined;
  const engine = watchingHashes(sharedEngine(plan.machine.engine), () => onHash());
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
    // The state of a machine is hashed when it is powered off. After the check, this marks the end.
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
