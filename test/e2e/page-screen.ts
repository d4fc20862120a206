// SPDX-License-Identifier: MIT
/** The machine's screen on the page, beside its console. */
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import type { PageResults } from '../../emulator/host/browser/page.js';

interface There {
  readonly snapback: PageResults;
}

/** What is typed at the prompt for the screen comes there. The console has the focus, also afterwards; the screen stays open. */
export async function checkScreen(t: Test, page: Page): Promise<void> {
  t.equal(await page.locator('#screen').count(), 0, 'the screen is closed');
  // What is typed is not what is looked for, and comes to the console only.
  await page.keyboard.type('echo the screen has $((6 * 7)) > /dev/tty1\n');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('a');
  await page.locator('#screen', { hasText: 'the screen has 42' }).waitFor();
  t.equal(await page.getAttribute('#show-screen', 'aria-pressed'), 'true', 'the screen shows what is written to tty1');
  t.notMatch(await page.textContent('#screen'), /echo/, 'and not what is typed');
  await page.keyboard.press('a');
  await page.waitForSelector('#screen', { state: 'detached' });
  await page.keyboard.press('a');
  await page.locator('#screen', { hasText: 'the screen has 42' }).waitFor();
  await page.keyboard.press('y');
}

/** At a pause, the screen is that of the run's machine, which stands after `promptMs` of its virtual time. */
export async function checkPausedScreen(t: Test, page: Page, promptMs: number): Promise<void> {
  await page.waitForFunction((promptMs) => {
    const { screen } = (globalThis as unknown as There).snapback;
    return screen !== undefined && screen.virtualMs > promptMs;
  }, promptMs);
  const rows = await page.evaluate(() => (globalThis as unknown as There).snapback.screen?.rows);
  t.equal(rows?.length, 25, 'the screen of the machine of the run is shown');
  t.notMatch(rows?.join('\n'), /the screen has/, 'and not that of the machine at the prompt');
}
