// SPDX-License-Identifier: MIT
/** The same machine in a browser and in Node: same marker, same instruction count, same state. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import t from 'tap';
import { buildWorkers } from '../../esbuild.config.mjs';
import { standardScenario } from '../../tools/cli/run.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { PageState } from '../../emulator/host/browser/page.js';
import { obtainMachineFiles } from '../../tools/run/machine-files.js';
import { loadScenario } from '../../tools/run/scenario-file.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';
import { defaultCacheDir } from '../../emulator/host/node/artifacts/context.js';
import { servePage } from '../../tools/serve.js';

/** Chromium must not look for hosts outside. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Bound of each step in the browser: a busy host may take long to start one. */
const HOST_MS_MAX = 300_000;

await buildWorkers();
const context = { cacheDir: defaultCacheDir(), progress: () => undefined, signal: new AbortController().signal };
const { plan, scenario } = await loadScenario(standardScenario(), {});
const { config } = await obtainMachineFiles(plan.machine, scenario.disks, context);
const marker = USER_MARKERS.agentReady;

t.test('headless Chromium reaches the state that Node reaches', async (t) => {
  const profile = await mkdtemp(join(tmpdir(), 'snapback-chromium-'));
  const server = await servePage(config, marker);
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    args: QUIET,
    timeout: HOST_MS_MAX,
  });
  t.teardown(async () => {
    await browser.close();
    await server.close();
    await rm(profile, { recursive: true, force: true });
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(HOST_MS_MAX);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(server.url);
  const there = await page.evaluate(() => (globalThis as unknown as { snapback: Promise<PageState> }).snapback);
  t.same(there.reason, { why: 'trigger', index: 0 }, 'the browser reaches the marker');
  t.match(await page.textContent('#status'), 'agentReady at instruction');

  const machine = await createV86Engine().powerOn(config);
  t.teardown(() => machine.close());
  const started = performance.now();
  const here = await machine.run({
    virtualMsMax: 60_000,
    triggers: [{ when: { on: 'marker', kind: marker }, then: { do: 'stop' } }],
  });
  const realMs = performance.now() - started;
  t.equal(there.instructions, here.instructions, 'at the same instruction');
  t.equal(there.virtualMs, here.virtualMs, 'at the same time');
  t.equal(there.stateHash, await machine.stateHash(), 'in the same state, all RAM included');
  t.comment(`browser ${Math.round(there.realMs)} ms, Node ${Math.round(realMs)} ms`);

  await page.locator('#console textarea').focus();
  await page.keyboard.type('echo from the $((40 + 2)) keyboard\n');
  await page.waitForFunction(() =>
    /from the 42 keyboard/.test(
      (globalThis as unknown as { document: { body: { innerText: string } } }).document.body.innerText,
    ),
  );
  t.same(problems, [], 'without an error on the page');
});
