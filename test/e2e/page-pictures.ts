// SPDX-License-Identifier: MIT
/** Pictures of the page: the two that README shows, and those of each view, which are kept to be looked at. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { coloursIn } from './png.js';

/** The folder of the pictures of README, which shows those in test/pictures. */
const PICTURES = process.env['SNAPBACK_PICTURES'] ?? packagePath('dist', 'pictures');
/** A reader of README waits for each. */
const PICTURE_BYTES_MAX = 200_000;

/** The folder of the pictures of each view. Git has none of them. */
const VIEW_PICTURES = packagePath('dist', 'pictures', 'views');
/** An empty or half-drawn view has less. */
const VIEW_BYTES_MIN = 2_000;
const VIEW_COLOURS_MIN = 5;

/** README's pictures have neither the texts of the scenario and of bytes, which are long, nor a mark of what has the focus. */
const HIDDEN = ['#edit', '#page'];
const PICTURE_WIDTH = 1000;
const PHONE_WIDTH = 390;
const HEIGHT = 900;
/** More than the page has at any width: a console draws only while it is to be seen. */
const WHOLE_HEIGHT = 8000;
/** As Playwright has it, and as the tests use the page. */
const USUAL_WIDTH = 1280;

/** Where each view is on the page. */
const VIEWS = {
  choice: '#choice',
  tour: '#tour',
  pause: '#pause',
  recall: '#recall',
  editor: '#edit',
  'memory-map': '#memory',
  timeline: '#timeline',
  'disk-map': '#disks',
  proofs: '#proofs',
  console: '#console',
  'console-before': '#console-before',
  screen: '#screen-shown',
} as const;
export type ViewName = keyof typeof VIEWS;

/** The parts of the browser's API that the code in the page uses. */
interface There {
  readonly scrollY: number;
  requestAnimationFrame(call: (ms: number) => void): void;
  readonly document: {
    readonly documentElement: { readonly clientWidth: number };
    querySelector(selector: string): { open: boolean } | null;
  };
}

interface Clip {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A picture of the page for README, from the upper edge of an element to the lower edge of another one, without `hidden`. */
export async function picture(t: Test, page: Page, name: string, from: string, to: string, hidden = ''): Promise<void> {
  await look(page, PICTURE_WIDTH, 'light');
  const without = [...HIDDEN, ...(hidden === '' ? [] : [hidden])].join(', ');
  const style = await page.addStyleTag({
    content: `${without} { display: none } :focus-visible { outline: none !important }`,
  });
  const [above, below] = [await clipOf(page, from), await clipOf(page, to)];
  if (!above || !below) throw new Error(`${from} or ${to} is not to be seen`);
  const top = Math.max(0, above.y - 8);
  const { length } = await page.screenshot({
    path: join(PICTURES, `${name}.png`),
    fullPage: true,
    clip: { x: 0, y: top, width: PICTURE_WIDTH, height: below.y + below.height + 8 - top },
  });
  t.ok(length > 10_000 && length < PICTURE_BYTES_MAX, `${name}.png has ${length} bytes`);
  await style.evaluate((element) => (element as unknown as { remove(): void }).remove());
  await look(page, USUAL_WIDTH, 'light');
}

/** Begins with no picture of a view, so that none is of an earlier run. */
export async function emptyViewPictures(): Promise<void> {
  await rm(VIEW_PICTURES, { recursive: true, force: true });
  await mkdir(VIEW_PICTURES, { recursive: true });
}

/**
 * Keeps a picture of each view that is to be seen now, as on a desk, and of the whole page, as on a phone in the dark: `WHEN-VIEW.png`.
 * Those of `expected` must be to be seen. Nothing is clicked and the focus stays, but the page may be scrolled.
 * @param when part of a file's name
 */
export async function pictureOfViews(t: Test, page: Page, when: string, expected: readonly ViewName[]): Promise<void> {
  const keep = async (name: string, clip: Clip | undefined): Promise<void> => {
    const file = `${when}-${name}.png`;
    const png = await page.screenshot({ path: join(VIEW_PICTURES, file), fullPage: true, ...(clip && { clip }) });
    const { size } = coloursIn(png);
    t.ok(
      png.length > VIEW_BYTES_MIN && size >= VIEW_COLOURS_MIN,
      `${file} has ${png.length} bytes and ${size} colours`,
    );
  };
  await look(page, PICTURE_WIDTH, 'light', WHOLE_HEIGHT);
  const wasOpen = await openEditor(page, true);
  const seen: ViewName[] = [];
  for (const [name, selector] of Object.entries(VIEWS) as [ViewName, string][]) {
    const clip = await clipOf(page, selector);
    if (!clip) continue;
    seen.push(name);
    await keep(name, clip);
  }
  t.same(
    expected.filter((name) => !seen.includes(name)),
    [],
    `${when}: pictures of ${seen.join(', ')}`,
  );
  await look(page, PHONE_WIDTH, 'dark', WHOLE_HEIGHT);
  await keep('page-phone-dark', await clipOf(page, 'body'));
  await openEditor(page, wasOpen);
  await look(page, USUAL_WIDTH, 'light');
}

async function look(page: Page, width: number, colorScheme: 'light' | 'dark', height = HEIGHT): Promise<void> {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
  // What has come to be seen is drawn in the next frame.
  await page.evaluate(async () => {
    const { requestAnimationFrame } = globalThis as unknown as There;
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  });
}

/** Where the element is on the whole page, as far as it is not cut off at the right; undefined where it is not to be seen. */
async function clipOf(page: Page, selector: string): Promise<Clip | undefined> {
  const element = page.locator(selector);
  const box = (await element.count()) > 0 ? await element.boundingBox() : null;
  if (!box) return undefined;
  const { scrolledY, shownWidth } = await page.evaluate(() => {
    const { scrollY, document } = globalThis as unknown as There;
    return { scrolledY: scrollY, shownWidth: document.documentElement.clientWidth };
  });
  const x = Math.max(0, box.x);
  const [width, height] = [Math.min(box.x + box.width, shownWidth) - x, box.height];
  return width > 0 && height > 0 ? { x, y: box.y + scrolledY, width, height } : undefined;
}

/** Opens or closes the text of the scenario, where there is one. Returns whether it was open. */
const openEditor = (page: Page, isOpen: boolean): Promise<boolean> =>
  page.evaluate(
    ([selector, isOpen]) => {
      const editor = (globalThis as unknown as There).document.querySelector(selector);
      const wasOpen = editor?.open ?? false;
      if (editor) editor.open = isOpen;
      return wasOpen;
    },
    [VIEWS.editor, isOpen] as const,
  );
