// SPDX-License-Identifier: MIT
/** Steps through the scenario of the page, and goes to each place of that run again. */
import type { Page } from 'playwright-core';
import type { There } from './there.js';

/** Going to a place of a run that has come to its end. */
export interface PlaceSample {
  /** What begins there. */
  readonly title: string;
  /** From the click until the machine stands there, in ms of the host. */
  readonly wentMs: number;
}

/** The page stands at the prompt. It stands at the first place of the run at the end. */
export async function goToPlaces(page: Page): Promise<readonly PlaceSample[]> {
  await page.click('#step');
  for (let title = await nextPause(page); title !== undefined; title = await nextPause(page)) await page.click('#next');
  const places = Number(await page.getAttribute('#moment', 'max')) + 1;
  const samples: PlaceSample[] = [];
  // From the last to the first: no way begins where the one before has ended, and most of them leave a machine behind.
  for (let place = places - 1; place >= 0; place--) {
    await page.locator('#moment').fill(String(place));
    if (await page.isDisabled('#go')) continue;
    const startedMs = performance.now();
    await page.click('#go');
    const title = await nextPause(page, false);
    samples.push({ title: title ?? '', wentMs: performance.now() - startedMs });
  }
  return samples.reverse();
}

/** What begins at the next pause; undefined at the end of the run, if it may come to that. */
async function nextPause(page: Page, mayEnd = true): Promise<string | undefined> {
  const found = await page.waitForFunction((mayEnd) => {
    const there = globalThis as unknown as There & { left?: unknown };
    const { paused, report, phase } = there.snapback ?? {};
    if (phase === 'failed') throw new Error('the run has failed');
    if (paused === undefined ? !mayEnd || report === undefined : paused === there.left) return false;
    there.left = paused;
    return { title: paused?.at.title };
  }, mayEnd);
  return ((await found.jsonValue()) as { readonly title?: string }).title;
}
