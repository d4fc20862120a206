// SPDX-License-Identifier: MIT
/** Opens the page in headless Chromium, for the first time and again, and measures what that takes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import type { PageResults } from '../../../emulator/host/browser/page.js';
import { standardScenario } from '../../cli/run.js';
import { scenarioPage } from '../../page/scenario-page.js';
import { serveFiles, type PageServer } from '../../page/server.js';
import { loadScenario } from '../../run/scenario-file.js';
import { inTurns } from '../turns.js';
import { pageResult, type PageResult, type VisitSample } from './result.js';

const CHROMIUM = '/usr/bin/chromium';
/** Chromium must not look for hosts outside. */
const QUIET = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'];
/** Real time that a visit may take at most, on a host that has other work. */
const VISIT_MS_MAX = 600_000;

/** Measures in turns. Each turn is a browser without a past that opens the page twice. */
export async function benchPage(turns: number, context: BuildContext): Promise<PageResult> {
  const files = await scenarioPage(await loadScenario(standardScenario()), context);
  const server = await serveFiles(files, 0);
  const first: VisitSample[] = [];
  try {
    const { warm } = await inTurns(
      {
        warm: async () => {
          const profile = await mkdtemp(join(tmpdir(), 'snapback-bench-'));
          const browser = await chromium.launchPersistentContext(profile, {
            executablePath: CHROMIUM,
            args: QUIET,
            timeout: VISIT_MS_MAX,
          });
          try {
            first.push(await visit(browser, server));
            return await visit(browser, server);
          } finally {
            await browser.close();
            await rm(profile, { recursive: true, force: true });
          }
        },
      },
      turns,
      (_, turn, { promptMs }) =>
        context.progress(`page: ${turn + 1} of ${turns}: prompt after ${(promptMs / 1000).toFixed(2)} s when warm`),
    );
    return pageResult(first, warm);
  } finally {
    await server.close();
  }
}

async function visit(browser: BrowserContext, server: PageServer): Promise<VisitSample> {
  const before = server.sentBytes();
  const startedMs = performance.now();
  const page = await browser.newPage();
  page.setDefaultTimeout(VISIT_MS_MAX);
  await page.goto(server.url);
  await page.waitForFunction(() => (globalThis as unknown as { snapback?: PageResults }).snapback?.prompt);
  const sample = { promptMs: performance.now() - startedMs, wireBytes: server.sentBytes() - before };
  await page.close();
  return sample;
}
