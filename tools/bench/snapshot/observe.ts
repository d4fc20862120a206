// SPDX-License-Identifier: MIT
/** Wraps an engine and records the writes and markers of each of its machines, with their times. */
import type { DiskWrite, Engine, Machine, MarkerSeen } from '../../../emulator/machine/contract.js';

/** A machine from its power-on or its checkpoint on. */
export interface Life {
  readonly markers: MarkerSeen[];
  /** Per disk. */
  readonly writes: DiskWrite[][];
}

export function observe(engine: Engine): { readonly engine: Engine; readonly lives: readonly Life[] } {
  const lives: Life[] = [];
  const watch = (machine: Machine): Machine => {
    const life: Life = { markers: [], writes: [] };
    lives.push(life);
    return {
      ...machine,
      async run(request) {
        const report = await machine.run(request);
        life.markers.push(...report.markers);
        for (const [disk, writes] of report.writes.entries()) (life.writes[disk] ??= []).push(...writes);
        return report;
      },
    };
  };
  return {
    lives,
    engine: {
      name: engine.name,
      traits: engine.traits,
      powerOn: async (config) => watch(await engine.powerOn(config)),
      restore: async (config, checkpoint) => watch(await engine.restore(config, checkpoint)),
    },
  };
}
