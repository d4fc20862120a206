// SPDX-License-Identifier: MIT
/** Opens pages in headless Chromium, for the first time and again, and measures what that takes, and what is done there. */
import type { BrowserContext, Page } from 'playwright-core';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { openChromium } from '../../browsers/chromium.js';
import { buildBenchPage, buildPage } from '../../../esbuild.config.mjs';
import { standardScenario } from '../../cli/run.js';
import { programFile } from '../../page/program-files.js';
import { scenarioPage } from '../../page/scenario-page.js';
import { serveFiles, type PageServer } from '../../page/server.js';
import { loadScenario } from '../../run/scenario-file.js';
import { inTurns } from '../turns.js';
import { BENCH_PROGRAM, compareWithNode } from './chromium.js';
import { shortCycle } from './in-node.js';
import { measureMap } from './map-cost.js';
import { goThrough, type WaySamples } from './places.js';
import {
  pageResult,
  type BackSample,
  type MapSample,
  type PageResult,
  type PageSamples,
  type VisitSample,
} from './result.js';
import type { There } from './there.js';

/** Real time for which the machine has worked when instants of it are gone to, and where these lie between its beginning and its end. */
const WORKED_MS = 60_000;
const INSTANTS = [0.1, 0.35, 0.6, 0.85] as const;
/** Real time that a visit may take at most, on a host that has other work. */
const VISIT_MS_MAX = 600_000;

/** The page of the standard scenario is opened and worked with, and that of a short cycle is run. */
export async function benchPage(turns: number, context: BuildContext): Promise<PageResult> {
  await buildPage();
  await buildBenchPage();
  const visits = await benchVisits(turns, context);
  const files = new Map(await scenarioPage(await loadScenario(shortCycle()), context));
  files.set(BENCH_PROGRAM, await programFile(BENCH_PROGRAM));
  const server = await serveFiles(files, 0);
  try {
    const ways = await goThrough(server.url, turns, context);
    return pageResult({ ...visits, ...ways, both: await compareWithNode(server.url, turns, context) });
  } finally {
    await server.close();
  }
}

/** Measures in turns. Each turn is a browser without a past that opens the page twice. */
async function benchVisits(
  turns: number,
  context: BuildContext,
): Promise<Omit<PageSamples, keyof WaySamples | 'both'>> {
  const server = await serveFiles(await scenarioPage(await loadScenario(standardScenario()), context), 0);
  const first: VisitSample[] = [];
  const maps: MapSample[] = [];
  const back: BackSample[] = [];
  try {
    const { warm } = await inTurns(
      {
        warm: async () => {
          const { browser, close } = await openChromium();
          try {
            first.push(await visit(browser, server));
            return await visit(browser, server, { maps, back });
          } finally {
            await close();
          }
        },
      },
      turns,
      (_, turn, { promptMs }) =>
        context.progress(`page: ${turn + 1} of ${turns}: prompt after ${(promptMs / 1000).toFixed(2)} s when warm`),
    );
    return { first, warm, maps, back };
  } finally {
    await server.close();
  }
}

/** `more`: gets what else is measured on this visit. */
async function visit(
  browser: BrowserContext,
  server: PageServer,
  more?: { readonly maps: MapSample[]; readonly back: BackSample[] },
): Promise<VisitSample> {
  const before = server.sentBytes();
  const startedMs = performance.now();
  const page = await browser.newPage();
  page.setDefaultTimeout(VISIT_MS_MAX);
  await page.goto(server.url);
  await page.waitForFunction(() => (globalThis as unknown as There).snapback?.prompt);
  const sample = { promptMs: performance.now() - startedMs, wireBytes: server.sentBytes() - before };
  if (more) {
    await giveWork(page);
    more.maps.push(...(await measureMap(page)));
    await page.waitForTimeout(Math.max(0, startedMs + WORKED_MS - performance.now()));
    for (const share of INSTANTS) more.back.push({ wentMs: await goBack(page, share) });
  }
  await page.close();
  return sample;
}

/** The machine has work from now on, which never ends. */
async function giveWork(page: Page): Promise<void> {
  await page.locator('#console textarea').focus();
  await page.keyboard.type('while :; do ls -lR /etc > /run/list; done &\n');
}

/** Goes to an instant at this share of what the machine has done, and answers what the way has taken, in ms. */
async function goBack(page: Page, share: number): Promise<number> {
  const toMs = await page.evaluate((share) => {
    const { lines = [] } = (globalThis as unknown as There).snapback?.recall ?? {};
    const { beginMs, endMs } = lines[0] ?? { beginMs: 0, endMs: 0 };
    return Math.round(beginMs + share * (endMs - beginMs));
  }, share);
  await page.locator('#instant').fill(String(toMs));
  await page.click('#go-instant');
  const went = await page.waitForFunction((toMs) => {
    const { stands, wentMs } = (globalThis as unknown as There).snapback ?? {};
    return stands !== undefined && Math.abs(stands.virtualMs - toMs) < 50 && wentMs;
  }, toMs);
  return Number(await went.jsonValue());
}
