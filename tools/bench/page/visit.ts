// SPDX-License-Identifier: MIT
/** Opens the page in headless Chromium, for the first time and again, and measures what that takes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import type { PageResults } from '../../../emulator/host/browser/page.js';
import { standardScenario } from '../../cli/run.js';
import { scenarioPage } from '../../page/scenario-page.js';
import { serveFiles, type PageServer } from '../../page/server.js';
import { loadScenario } from '../../run/scenario-file.js';
import { inTurns } from '../turns.js';
import { pageResult, type MapSample, type PageResult, type VisitSample } from './result.js';

const CHROMIUM = '/usr/bin/chromium';
/** Chromium must not look for hosts outside. */
const QUIET = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'];
/** Real time for which the memory map is watched, after its first picture. */
const WATCHED_MS = 5_000;
/** Real time that a visit may take at most, on a host that has other work. */
const VISIT_MS_MAX = 600_000;

/** What the code that runs in the page finds there. */
interface There {
  readonly snapback?: PageResults;
}

/** Measures in turns. Each turn is a browser without a past that opens the page twice. */
export async function benchPage(turns: number, context: BuildContext): Promise<PageResult> {
  const files = await scenarioPage(await loadScenario(standardScenario()), context);
  const server = await serveFiles(files, 0);
  const first: VisitSample[] = [];
  const map: MapSample[] = [];
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
            return await visit(browser, server, map);
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
    return pageResult(first, warm, map);
  } finally {
    await server.close();
  }
}

/** `map`: gets what the memory map is like on this visit. */
async function visit(browser: BrowserContext, server: PageServer, map?: MapSample[]): Promise<VisitSample> {
  const before = server.sentBytes();
  const startedMs = performance.now();
  const page = await browser.newPage();
  page.setDefaultTimeout(VISIT_MS_MAX);
  await page.goto(server.url);
  await page.waitForFunction(() => (globalThis as unknown as There).snapback?.prompt);
  const sample = { promptMs: performance.now() - startedMs, wireBytes: server.sentBytes() - before };
  if (map) map.push(await watchMemory(page));
  await page.close();
  return sample;
}

/** Watches the memory of a machine that has work all the time. */
async function watchMemory(page: Page): Promise<MapSample> {
  await page.locator('#console textarea').focus();
  await page.keyboard.type('while :; do ls -lR /etc > /run/list; done &\n');
  await page.click('#watch');
  await page.waitForSelector('#memory-map');
  return page.evaluate(async (watchedMs) => {
    const seen = (): { readonly pictures: number; readonly tookMs: number; readonly nowMs: number } => ({
      pictures: 0,
      tookMs: 0,
      ...(globalThis as unknown as There).snapback?.memory,
      nowMs: performance.now(),
    });
    const before = seen();
    await new Promise((resolve) => setTimeout(resolve, watchedMs));
    const after = seen();
    const [pictures, ms] = [after.pictures - before.pictures, after.nowMs - before.nowMs];
    const tookMs = after.tookMs - before.tookMs;
    return { picturesPerSecond: (1000 * pictures) / ms, pictureMs: tookMs / pictures, share: tookMs / ms };
  }, WATCHED_MS);
}
