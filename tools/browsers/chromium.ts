// SPDX-License-Identifier: MIT
/** Headless Chromium. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { HOST_MS_MAX, type DrivenBrowser, type DrivenPage } from './driven-page.js';

/** Chromium must not look for hosts outside. Text without coloured edges makes small pictures. */
const OPTIONS = [
  '--disable-lcd-text',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts it with a new profile, which `close` removes. */
export async function openChromium(): Promise<{ readonly browser: BrowserContext; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'snapback-chromium-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    args: OPTIONS,
    timeout: HOST_MS_MAX,
  });
  // An interrupted program closes nothing; playwright ends Chromium.
  const leave = (): void => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', leave);
  return {
    browser,
    async close() {
      await browser.close();
      process.off('exit', leave);
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** The same, to be driven as other browsers are. */
export async function drivenChromium(): Promise<DrivenBrowser> {
  const { browser, close } = await openChromium();
  return {
    version: `Chromium ${browser.browser()?.version() ?? ''}`,
    async newPage() {
      const page = await browser.newPage();
      page.setDefaultTimeout(HOST_MS_MAX);
      return drivenPage(page);
    },
    close,
  };
}

export const drivenPage = (page: Page): DrivenPage => ({
  goto: async (url) => void (await page.goto(url)),
  click: (selector) => page.click(selector),
  evaluate: (call, argument) => page.evaluate(call as never, argument as never),
  close: () => page.close(),
});
