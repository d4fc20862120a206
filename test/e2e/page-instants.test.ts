// SPDX-License-Identifier: MIT
/** The page goes back to instants of its machine, in Chromium. The machine is that of the conformance suite, which needs no kernel. */
import type { Page } from 'playwright-core';
import t from 'tap';
import type { StandsAt } from '../../emulator/host/browser/session/protocol.js';
import { openChromium } from '../../tools/browsers/chromium.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import { serveFiles } from '../../tools/page/server.js';
import { moved, smallPage, until } from './page-support.js';

const standing = (page: Page): Promise<StandsAt> => until(page, ({ stands }) => stands);
const lineOf = (page: Page): Promise<number> => until(page, ({ recall }) => recall?.line);

async function type(page: Page, text: string): Promise<void> {
  await page.locator('#console textarea').focus();
  await page.keyboard.type(text);
}

/** By keys alone. */
async function press(page: Page, key: string): Promise<void> {
  await page.locator('#instant').focus();
  await page.keyboard.press(key);
}

/** Has the machine stand at an instant that the slider has. */
async function goTo(page: Page, toMs: number): Promise<StandsAt> {
  await page.locator('#instant').fill(String(Math.round(toMs)));
  await press(page, 'i');
  const isNear = ({ virtualMs }: StandsAt): boolean => Math.abs(virtualMs - Math.round(toMs)) < 50;
  return until(page, ({ stands }) => stands !== undefined && isNear(stands) && stands);
}

t.test('back to an instant, on as it was, and on differently', async (t) => {
  const server = await serveFiles(await smallPage(), 0);
  const { browser, close } = await openChromium();
  t.teardown(async () => {
    await close();
    await server.close();
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(HOST_MS_MAX);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(server.url);
  const prompt = await until(page, (seen) => seen.prompt);

  await type(page, 'a');
  await moved(page, 300);
  await type(page, 'b');
  await moved(page, 300);
  await press(page, 'k');
  const end = await standing(page);
  t.equal(await lineOf(page), 1);
  t.match(await page.textContent('#status'), /^stands at instruction \d+, /);

  const middleMs = prompt.virtualMs + 150;
  const middle = await goTo(page, middleMs);
  t.ok(middle.virtualMs >= Math.round(middleMs) && middle.virtualMs < end.virtualMs, 'the first instant after it');
  t.not(middle.stateHash, end.stateHash);
  t.equal(await page.textContent('#stand'), 'Go on as it was');
  await press(page, 'k');
  await until(page, ({ stands }) => stands?.instructions === end.instructions);
  t.same(await standing(page), end, 'going on as it was ends where it was, in the same state');
  t.equal(await lineOf(page), 1);
  t.same(await goTo(page, middleMs), middle, 'the same instant once more');

  await type(page, 'x');
  await moved(page, 300);
  await press(page, 'k');
  const other = await standing(page);
  t.equal(await lineOf(page), 2, 'another key begins another line');
  t.match(await page.locator('#line option').allTextContents(), [/^line 1, to /, /^line 2, from line 1 at /]);

  await page.locator('#line').selectOption('1');
  await press(page, 'i');
  await until(page, ({ recall }) => recall?.line === 1);
  t.equal((await standing(page)).stateHash, end.stateHash, 'the line before is still there, with the same end');
  await page.locator('#line').selectOption('2');
  await press(page, 'i');
  await until(page, ({ recall }) => recall?.line === 2);
  t.same(await standing(page), other, 'and so is the other one');
  t.comment((await page.textContent('#recalled')) ?? '');
  t.same(problems, [], 'without an error on the page');
  await page.close();

  const old = await browser.newPage();
  await old.addInitScript(() => {
    for (const name of ['DecompressionStream', 'WebAssembly']) Reflect.deleteProperty(globalThis, name);
  });
  await old.goto(server.url);
  t.match(
    await old.textContent('#lacks'),
    /^This browser cannot .*: WebAssembly, DecompressionStream\. Open this page with /,
  );
  await old.close();
});
