// SPDX-License-Identifier: MIT
/** What the memory map costs the machine at the prompt, and how often it is drawn. */
import type { Page } from 'playwright-core';
import { inTurns } from '../turns.js';
import type { MapSample } from './result.js';
import type { There } from './there.js';

/** Turns with the memory watched and with it not watched, in each visit. */
const ROUNDS = 3;
/** Real time of a turn. */
const MEASURED_MS = 4_000;
/** Real time before a turn, in which pictures begin or stop. */
const SETTLE_MS = 500;

/** A machine during one turn. */
interface Turn {
  readonly instructionsPerSecond: number;
  readonly framesPerSecond: number;
  /** NaN where no picture was told. */
  readonly pictureMs: number;
}

/** Measures a machine at the prompt that has work all the time. In the end its memory is not watched. */
export async function measureMap(page: Page): Promise<readonly MapSample[]> {
  const turn = async (isWatched: boolean): Promise<Turn> => {
    await watch(page, isWatched);
    await page.waitForTimeout(SETTLE_MS);
    return page.evaluate(measure, MEASURED_MS);
  };
  const { watched, alone } = await inTurns({ watched: () => turn(true), alone: () => turn(false) }, ROUNDS);
  await watch(page, false);
  return watched.map(({ instructionsPerSecond, framesPerSecond, pictureMs }, round) => ({
    framesPerSecond,
    pictureMs,
    watchedPerSecond: instructionsPerSecond,
    alonePerSecond: alone[round]?.instructionsPerSecond ?? NaN,
  }));
}

/** Has the memory watched, or no longer. */
async function watch(page: Page, on: boolean): Promise<void> {
  const isWatched = `#watch[aria-pressed="${on}"]`;
  if ((await page.locator(isWatched).count()) === 0) await page.click('#watch');
  await page.waitForSelector(isWatched);
}

/** Runs in the page. Both ends are where the page has just been told where the machine is, because it is told only now and then. */
async function measure(measuredMs: number): Promise<Turn> {
  const at = (): unknown => (globalThis as unknown as There).snapback?.recall?.at;
  const told = async (before: unknown) => {
    for (;;) {
      const { recall, memory, drawn = 0 } = (globalThis as unknown as There).snapback ?? {};
      // The rest of it is told more often.
      if (recall && recall.at !== before) {
        const { pictures = 0, tookMs = 0 } = memory ?? {};
        return { recall, pictures, tookMs, drawn, nowMs: performance.now() };
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const begin = await told(at());
  await new Promise((resolve) => setTimeout(resolve, measuredMs));
  const end = await told(at());
  const seconds = (end.nowMs - begin.nowMs) / 1000;
  return {
    instructionsPerSecond: (end.recall.at.instructions - begin.recall.at.instructions) / seconds,
    framesPerSecond: (end.drawn - begin.drawn) / seconds,
    pictureMs: (end.tookMs - begin.tookMs) / (end.pictures - begin.pictures),
  };
}
