// SPDX-License-Identifier: MIT
/** The same boot and the same cycle in headless Chromium and in Node, in turns. */
import type { Page } from 'playwright-core';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { openChromium } from '../../browsers/chromium.js';
import { startChild } from '../child.js';
import type { Answers, PageQuestion } from '../services.js';
import { inTurns } from '../turns.js';
import { IN_CHROMIUM, type InChromium } from './in-node.js';
import type { There } from './there.js';

/** Times in ms, in the order of the turns. */
export interface BothSamples {
  readonly chromium: readonly number[];
  readonly node: readonly number[];
}

/** The program of the benchmark, beside those of the page. */
export const BENCH_PROGRAM = 'bench-boot.js';

/** @param url of the page, beside which {@link BENCH_PROGRAM} is. */
export async function compareWithNode(
  url: string,
  turns: number,
  context: BuildContext,
): Promise<Readonly<Record<InChromium, BothSamples>>> {
  const { cacheDir, signal, progress } = context;
  const node = startChild<PageQuestion, Answers['page']>('page', signal);
  const { browser, close } = await openChromium();
  try {
    const page = await browser.newPage();
    // The page has a bound of its own for each wait.
    page.setDefaultTimeout(0);
    await page.goto(url);
    await page.waitForFunction(() => (globalThis as unknown as There).snapback?.prompt);
    const inChromium: Readonly<Record<InChromium, () => Promise<number>>> = {
      boot: () => bootThere(page),
      cycle: () => runThere(page),
    };
    const measure = async (what: InChromium): Promise<BothSamples> => {
      const contenders = { chromium: inChromium[what], node: () => node.ask({ cacheDir, what }) };
      progress(`page: warming up the ${what}`);
      for (const contender of Object.values(contenders)) await contender();
      return inTurns(contenders, turns, (name, turn, ms) =>
        progress(`page: ${what} in ${name}, ${turn + 1} of ${turns}: ${(ms / 1000).toFixed(2)} s`),
      );
    };
    const samples: Partial<Record<InChromium, BothSamples>> = {};
    for (const what of IN_CHROMIUM) samples[what] = await measure(what);
    return samples as Record<InChromium, BothSamples>;
  } finally {
    await Promise.allSettled([close(), node.end()]);
  }
}

const bootThere = (page: Page): Promise<number> =>
  page.evaluate(async (program) => {
    const { href } = (globalThis as unknown as { readonly location: { readonly href: string } }).location;
    const url = new URL(program, href).href;
    const { bootPageMachine } = (await import(url)) as typeof import('./in-chromium.js');
    return bootPageMachine(href);
  }, BENCH_PROGRAM);

/** By a click, as a visitor does it. The report tells the time, in which nothing is loaded. */
async function runThere(page: Page): Promise<number> {
  await page.click('#run');
  await page.waitForFunction(() => (globalThis as unknown as There).snapback?.phase === 'running');
  const ran = await page.waitForFunction(() => {
    const { report, phase } = (globalThis as unknown as There).snapback ?? {};
    if (phase === 'failed') throw new Error('the run has failed');
    return report && { verdict: report.verdict, realMs: report.realMs };
  });
  const { verdict, realMs } = (await ran.jsonValue()) as { readonly verdict: string; readonly realMs: number };
  if (verdict !== 'pass') throw new RigError(`the cycle that is measured has the verdict ${verdict}`);
  return realMs;
}
