// SPDX-License-Identifier: MIT
/** The canvas of the memory map, and who draws on it. */
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { KIND_COLOURS } from '../../emulator/host/browser/views/memory-map-model.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import { coloursIn } from './png.js';

/** The parts of the browser's API that the code in the page uses. */
interface There {
  readonly document: { getElementById(id: string): Canvas | null };
  readonly HTMLCanvasElement: { readonly prototype: { transferControlToOffscreen?: unknown } };
}
interface Canvas {
  /** Throws where a worker draws. */
  getContext(kind: '2d'): unknown;
}

/** Fewer would be a map that has not been drawn, or that is drawn with wrong colours. */
const KINDS_SHOWN_MIN = 4;

/** The page that is opened next has a browser without OffscreenCanvas. */
export const withoutOffscreen = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    delete (globalThis as unknown as There).HTMLCanvasElement.prototype.transferControlToOffscreen;
  });

/** A click on a map tells what is there. The run has paused with a machine, and the maps are shown. */
export async function checkMapClicks(t: Test, page: Page): Promise<void> {
  const told = page.locator('#page p').first();
  const before = (await told.count()) > 0 ? await told.textContent() : '';
  await page.locator('#memory-map').click();
  await page.waitForFunction((before) => {
    const { document } = globalThis as unknown as {
      readonly document: { querySelector(selector: string): { readonly textContent: string } | null };
    };
    const now = document.querySelector('#page p')?.textContent ?? '';
    return now !== before && /^Page frame \d+ at /.test(now);
  }, before);
  t.pass('a click on the memory map tells of a page');
  const strip = page.locator('#disks canvas').first();
  const label = (await strip.getAttribute('aria-label')) ?? '';
  await strip.click();
  const volume = /^map of (\w+);/.exec(label)?.[1] ?? '';
  await page.locator('#place', { hasText: new RegExp(`^${volume}, .*sectors \\d+ to \\d+`) }).waitFor();
  t.pass(`and one on a strip of the disk map, of a place of ${volume}`);
}

/** The memory map is drawn by `who`, in its colours. */
export async function checkMemoryCanvas(t: Test, page: Page, who: 'page' | 'worker'): Promise<void> {
  // The worker may be ready later than the first picture. Each painter has an element of its own.
  await page.waitForFunction((who) => {
    const canvas = (globalThis as unknown as There).document.getElementById('memory-map');
    if (!canvas) return false;
    try {
      canvas.getContext('2d');
      return who === 'page';
    } catch {
      return who === 'worker';
    }
  }, who);
  let seen = 0;
  // What a worker draws is shown a little later.
  for (const endMs = performance.now() + HOST_MS_MAX; performance.now() < endMs && seen < KINDS_SHOWN_MIN;) {
    const colours = coloursIn(await page.locator('#memory-map').screenshot());
    seen = Object.values(KIND_COLOURS).filter((colour) => colours.has(colour)).length;
  }
  t.ok(seen >= KINDS_SHOWN_MIN, `the memory map is drawn by the ${who}, with the colours of ${seen} kinds`);
}
