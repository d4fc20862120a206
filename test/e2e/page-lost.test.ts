// SPDX-License-Identifier: MIT
/** What the page says when a file of it is lost or a link is damaged, in Chromium: nothing hangs. The machine is that of the conformance suite. */
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../tools/browsers/chromium.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import type { PageFiles } from '../../tools/page/files.js';
import { serveFiles } from '../../tools/page/server.js';
import { checkAccess, RULES_MIN_FAILED } from './page-access.js';
import { smallPage, until } from './page-support.js';

const { browser, close } = await openChromium();
t.teardown(close);
const files = await smallPage();

/** A page of a server of its own, so that nothing is cached. It is not yet opened. */
async function served(t: Test, files: PageFiles): Promise<{ readonly page: Page; readonly url: string }> {
  const { url, close } = await serveFiles(files, 0);
  t.teardown(close);
  const page = await browser.newPage();
  t.teardown(() => page.close());
  page.setDefaultTimeout(HOST_MS_MAX);
  return { page, url };
}

/** All but one of the files. */
function without(t: Test, all: PageFiles, name: RegExp): PageFiles {
  const gone = [...all.keys()].filter((path) => name.test(path));
  t.equal(gone.length, 1, `there is one ${name.source}`);
  return new Map([...all].filter(([path]) => !gone.includes(path)));
}

/** A part that the script `name` needs at once. */
function partOf(name: string): RegExp {
  const script = new TextDecoder().decode(files.get(name) as Uint8Array);
  const part = /\b(?:from|import)"\.\/(parts\/[^"]+)"/.exec(script)?.[1];
  if (part === undefined) throw new Error(`${name} has no parts`);
  return new RegExp(`^${part}$`);
}

const SESSION_GONE = 'the session has ended: its program could not be loaded; what to do: reload the page';
const PAGE_GONE = /^A program of this page could not be loaded\. Reload the page\. /;

t.test('files that the server lacks', async (t) => {
  for (const [name, selector, said] of [
    [/^page\.js$/, '#lacks', PAGE_GONE],
    [partOf('page.js'), '#lacks', PAGE_GONE],
    [/^session-worker\.js$/, '#status.failed', SESSION_GONE],
    [
      /^machine-worker-.*\.js$/,
      '#status.failed',
      /^the machine's worker died: it could not be loaded; what to do: .*reload the page/,
    ],
  ] as const)
    await t.test(name.source, async (t) => {
      const { page, url } = await served(t, without(t, files, name));
      await page.goto(url);
      t.match(await (await page.waitForSelector(selector)).textContent(), said);
      await checkAccess(t, page, 'failed', RULES_MIN_FAILED);
    });
});

t.test('without the worker that draws, the page comes to its prompt', async (t) => {
  const { page, url } = await served(t, without(t, files, /^paint-worker\.js$/));
  await page.goto(url);
  await until(page, ({ prompt }) => prompt);
});

t.test('a link that is opened in the same tab', async (t) => {
  const { page, url } = await served(t, files);
  await page.goto(url);
  await until(page, ({ prompt }) => prompt);
  await page.goto(`${url}#session=eA`);
  t.match(
    await (await page.waitForSelector('#status.failed')).textContent(),
    /the link has no session: .*; what to do: /,
  );
});

t.test('a browser that has no room for pieces of disks', async (t) => {
  const { page, url } = await served(t, files);
  const tools = await browser.newCDPSession(page);
  await tools.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: 1 });
  await page.goto(url);
  await until(page, ({ prompt }) => prompt);
  t.match(await page.textContent('#storage'), /loaded again at (?:the next|each) visit\./);
});
