// SPDX-License-Identifier: MIT
/** Steps through the scenario of the page, and goes to each place of that run again, and to instants between the places. */
import type { Page } from 'playwright-core';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { openChromium } from '../../browsers/chromium.js';
import type { There } from './there.js';

/** Going to a place of a run that has come to its end, or to an instant of it. */
export interface WaySample {
  /** The number of the step, and what begins there; or when the instant is. */
  readonly title: string;
  /** From the click until the machine stands there, in ms of the host. */
  readonly wentMs: number;
}

export interface WaySamples {
  readonly places: readonly WaySample[];
  readonly instants: readonly WaySample[];
}

/** How many instants are gone to. They are as far from one another, and lie in the middle of equal parts of the run. */
const INSTANTS = 8;
/** Real time that a step may take at most, on a host that has other work. */
const STEP_MS_MAX = 600_000;

/** Answers `turns` samples of each place and of each instant. @param url of the page. */
export async function goThrough(url: string, turns: number, { progress }: BuildContext): Promise<WaySamples> {
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
    const goToEach = async (count: number, go: (index: number) => Promise<WaySample | undefined>) => {
      const samples: WaySample[] = [];
      for (let turn = 0; turn < turns; turn++)
        // From the last to the first: no way begins where the one before has ended, and most of them leave a machine behind.
        for (let index = count - 1; index >= 0; index--) {
          const sample = await go(index);
          if (!sample) continue;
          samples.push(sample);
          progress(`page: to ${sample.title}, ${turn + 1} of ${turns}: ${(sample.wentMs / 1000).toFixed(2)} s`);
        }
      return inOrder(samples);
    };
    const toPlaces = await goToEach(places, (place) => goToPlace(page, place));
    const [beginMs, endMs] = [await ofSlider(page, 'min'), await ofSlider(page, 'max')];
    const instantMs = (index: number): number => Math.round(beginMs + ((index + 0.5) / INSTANTS) * (endMs - beginMs));
    return { places: toPlaces, instants: await goToEach(INSTANTS, (index) => goToInstant(page, instantMs(index))) };
  } finally {
    await close();
  }
}

/** Undefined when the page stands there. */
async function goToPlace(page: Page, place: number): Promise<WaySample | undefined> {
  await page.locator('#moment').fill(String(place));
  if (await page.isDisabled('#go')) return undefined;
  const startedMs = performance.now();
  await page.click('#go');
  const title = await nextPause(page, false);
  return { title: title ?? '', wentMs: performance.now() - startedMs };
}

const ofSlider = async (page: Page, end: 'min' | 'max'): Promise<number> =>
  Number(await page.getAttribute('#run-instant', end));

/** @param atMs virtual time since the first power-on, as the slider has it. @throws RigError when no machine stands there then. */
async function goToInstant(page: Page, atMs: number): Promise<WaySample> {
  const title = `${(atMs / 1000).toFixed(2)} s`;
  await page.locator('#run-instant').fill(String(atMs));
  const startedMs = performance.now();
  await page.click('#go-run-instant');
  const place = await nextPause(page, false);
  const wentMs = performance.now() - startedMs;
  const isInside = await page.evaluate(() => (globalThis as unknown as There).snapback?.paused?.inside !== undefined);
  if (!isInside) throw new RigError(`the page did not go to ${title} of its run, but to the place ${place ?? ''}`);
  return { title, wentMs };
}

/** As they are in the run. They were gone to from the last to the first. */
const inOrder = (samples: readonly WaySample[]): readonly WaySample[] => [...samples].reverse();

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
