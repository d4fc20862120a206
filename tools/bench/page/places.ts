// SPDX-License-Identifier: MIT
/** Steps through the scenario of the page, and goes to each place of that run again. */
import type { Page } from 'playwright-core';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { openChromium } from '../../browsers/chromium.js';
import type { There } from './there.js';

/** Going to a place of a run that has come to its end. */
export interface PlaceSample {
  /** The number of the step, and what begins there. */
  readonly title: string;
  /** From the click until the machine stands there, in ms of the host. */
  readonly wentMs: number;
}

/** Real time that a step may take at most, on a host that has other work. */
const STEP_MS_MAX = 600_000;

/** Answers `turns` samples of each place. @param url of the page. */
export async function goToPlaces(
  url: string,
  turns: number,
  { progress }: BuildContext,
): Promise<readonly PlaceSample[]> {
  const { browser, close } = await openChromium();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(STEP_MS_MAX);
    await page.goto(url);
    await page.waitForFunction(() => (globalThis as unknown as There).snapback?.prompt);
    await page.click('#step');
    for (let title = await nextPause(page); title !== undefined; title = await nextPause(page)) {
      progress(`page: stepping, at ${title}`);
      await page.click('#next');
    }
    const places = Number(await page.getAttribute('#moment', 'max')) + 1;
    const samples: PlaceSample[] = [];
    for (let turn = 0; turn < turns; turn++)
      // From the last to the first: no way begins where the one before has ended, and most of them leave a machine behind.
      for (let place = places - 1; place >= 0; place--) {
        const sample = await goToPlace(page, place);
        if (!sample) continue;
        samples.push(sample);
        progress(`page: to ${sample.title}, ${turn + 1} of ${turns}: ${(sample.wentMs / 1000).toFixed(2)} s`);
      }
    return inOrder(samples);
  } finally {
    await close();
  }
}

/** Undefined when the page stands there. */
async function goToPlace(page: Page, place: number): Promise<PlaceSample | undefined> {
  await page.locator('#moment').fill(String(place));
  if (await page.isDisabled('#go')) return undefined;
  const startedMs = performance.now();
  await page.click('#go');
  const title = await nextPause(page, false);
  return { title: title ?? '', wentMs: performance.now() - startedMs };
}

/** As the places are in the run. They were gone to from the last to the first. */
const inOrder = (samples: readonly PlaceSample[]): readonly PlaceSample[] => [...samples].reverse();

/** What begins at the next pause; undefined at the end of the run, if it may come to that. */
async function nextPause(page: Page, mayEnd = true): Promise<string | undefined> {
  const found = await page.waitForFunction((mayEnd) => {
    const there = globalThis as unknown as There & { left?: unknown };
    const { paused, report, phase } = there.snapback ?? {};
    if (phase === 'failed') throw new Error('the run has failed');
    if (paused === undefined ? !mayEnd || report === undefined : paused === there.left) return false;
    there.left = paused;
    return { title: paused && `${paused.at.step + 1} ${paused.at.title}` };
  }, mayEnd);
  return ((await found.jsonValue()) as { readonly title?: string }).title;
}
