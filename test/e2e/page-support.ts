// SPDX-License-Identifier: MIT
/** The page with the machine of the conformance suite, which needs no kernel, and what it shows. */
import type { Page } from 'playwright-core';
import { buildPage, buildWorkers } from '../../esbuild.config.mjs';
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { SessionState } from '../../emulator/host/browser/session/state.js';
import type { MachineConfig } from '../../emulator/machine/contract.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import type { PageFiles } from '../../tools/page/files.js';
import { pageFiles } from '../../tools/page/machine-files.js';
import { conformanceConfig, READY } from '../conformance/guest.js';

await buildWorkers();
await buildPage();

/** The text of its scenario. */
export const SMALL_TEXT = 'name: none\nsteps:\n  - boot\n';

export interface SmallMachine {
  readonly config: MachineConfig;
  readonly state: BootState;
}

export async function smallMachine(): Promise<SmallMachine> {
  // Its guest waits in a loop that the emulator is slow at, so a virtual ms has fewer instructions.
  const config = { ...(await conformanceConfig()), instructionsPerMs: 20_000 };
  return { config, state: await readyState(config) };
}

/** The page's files. */
export async function smallPage(machine?: SmallMachine): Promise<PageFiles> {
  const { config, state } = machine ?? (await smallMachine());
  return pageFiles({
    config,
    configKey: 'key',
    hashes: { kernel: 'conformance' },
    systemMap: '',
    agentReady: state,
    beforeDisk: state,
    plan: { name: 'none', files: [], steps: [] } as never,
    text: SMALL_TEXT,
    facts: {} as never,
  });
}

async function readyState(config: MachineConfig): Promise<BootState> {
  const machine = await createV86Engine().powerOn(config);
  const { console, markers, instructions, virtualMs } = await machine.run({
    virtualMsMax: 5_000,
    triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
  });
  const checkpoint = await machine.checkpoint();
  await machine.close();
  return { checkpoint, seen: { console, markers, writes: [[]], instructions, virtualMs } };
}

/** What the code that runs in the page finds there. */
export interface There {
  readonly snapback: SessionState;
}

export type Seen = Pick<
  SessionState,
  'phase' | 'said' | 'prompt' | 'recall' | 'stands' | 'memory' | 'scenario' | 'steps' | 'report'
>;

/** Waits for what `find` finds in the state of the page, unless that has failed. */
export async function until<Found>(page: Page, find: (seen: Seen) => Found | undefined | false): Promise<Found> {
  for (const endMs = performance.now() + HOST_MS_MAX; performance.now() < endMs;) {
    const seen = await page.evaluate((): Seen => {
      const { snapback } = globalThis as unknown as There;
      const { phase, said, prompt, recall, stands, memory, scenario, steps, report } = snapback;
      return { phase, said, prompt, recall, stands, memory, scenario, steps, report };
    });
    if (seen.phase === 'failed') throw new Error(`the page has failed: ${seen.said}`);
    const found = find(seen);
    if (found !== undefined && found !== false) return found;
    await page.waitForTimeout(50);
  }
  throw new Error('the page does not come to what was awaited');
}

/** Until the machine at the prompt has moved on by so many virtual ms. */
export async function moved(page: Page, byMs: number): Promise<void> {
  const fromMs = await until(page, ({ recall }) => recall?.at.virtualMs);
  await until(page, ({ recall }) => recall !== undefined && recall.at.virtualMs > fromMs + byMs);
}
