// SPDX-License-Identifier: MIT
/**
 * What the page says when a file, a piece of a disk, its server or a worker is lost, or a link is damaged, in Chromium: nothing hangs. Where
 * nothing runs in it, the machine is that of the conformance suite.
 */
import type { Page, Worker } from 'playwright-core';
import t, { type Test } from 'tap';
import { defaultCacheDir } from '../../emulator/host/node/artifacts/context.js';
import { openChromium } from '../../tools/browsers/chromium.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import type { PageFiles } from '../../tools/page/files.js';
import { scenarioPage } from '../../tools/page/scenario-page.js';
import { serveFiles } from '../../tools/page/server.js';
import { loadScenario } from '../../tools/run/scenario-file.js';
import { scenarioPath } from '../../tools/run/scenario-names.js';
import { checkAccess, RULES_MIN_FAILED } from './page-access.js';
import { smallPage, until } from './page-support.js';

const { browser, close } = await openChromium();
t.teardown(close);
const files = await smallPage();

interface Served {
  readonly page: Page;
  readonly url: string;
  /** Ends the server. */
  readonly close: () => Promise<void>;
}

/** A page of a server of its own, so that nothing is cached. It is not yet opened. */
async function served(t: Test, files: PageFiles): Promise<Served> {
  const { url, close } = await serveFiles(files, 0);
  t.teardown(close);
  const page = await browser.newPage();
  t.teardown(() => page.close());
  page.setDefaultTimeout(HOST_MS_MAX);
  return { page, url, close };
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

/** With a kernel, disks and a scenario that runs in a short time. Its machine is that of other tests, so that nothing more is built. */
const guestFiles = await scenarioPage(await loadScenario(scenarioPath('rollback-short')), {
  cacheDir: defaultCacheDir(),
  progress: () => undefined,
  signal: new AbortController().signal,
});

/** The page of that machine, which is at its prompt. */
async function atPrompt(t: Test, files: PageFiles = guestFiles): Promise<Served> {
  const all = await served(t, files);
  await all.page.goto(all.url);
  await until(all.page, ({ prompt }) => prompt);
  return all;
}

/** The page runs its scenario, and the machine of that has done more than to boot. */
async function runs(page: Page): Promise<void> {
  await page.click('#run');
  await until(page, ({ phase, steps }) => phase === 'running' && steps.length >= 2);
}

/** What the page says of the failure that comes. */
const failure = async (page: Page): Promise<string | null> =>
  (await page.waitForSelector('#status.failed')).textContent();

/** The guest reads all of a disk, of which the page has nothing yet. */
async function readDisk(page: Page): Promise<void> {
  await page.locator('#console textarea').focus();
  await page.keyboard.type('cat /dev/sda > /dev/null\n');
}

const PIECE = /^machine\/piece-/;

t.test('a piece of a disk that the server has no more', async (t) => {
  const delivered = new Map(guestFiles);
  const { page } = await atPrompt(t, delivered);
  for (const path of [...delivered.keys()]) if (PIECE.test(path)) delivered.delete(path);
  await readDisk(page);
  t.match(
    await failure(page),
    /^cannot load http:\S+\/machine\/piece-\w+, a piece of a disk: status 404; what to do: .*reload the page$/,
  );
  await checkAccess(t, page, 'failed at the prompt', RULES_MIN_FAILED);
});

t.test('a server that has ended', async (t) => {
  const { page, close } = await atPrompt(t);
  await close();
  await readDisk(page);
  t.match(
    await failure(page),
    /^cannot load http:\S+, a piece of a disk: the server does not answer; what to do: see that the server is running/,
  );
});

const workersOf = (page: Page, name: RegExp): readonly Worker[] =>
  page.workers().filter((worker) => name.test(worker.url()));

/** As when the browser ends it: nobody is told. */
function end(workers: readonly Worker[]): void {
  const close = (): void => (globalThis as unknown as { close(): void }).close();
  // It has ended before it can answer.
  for (const worker of workers) worker.evaluate(close).catch(() => undefined);
}

const MACHINE_WORKER = /\/machine-worker-[^/]*\.js$/;
const MACHINE_LOST = /^the machine's worker died: it has ended; what to do: .*reload the page/;

t.test('the worker of the machine at the prompt ends', async (t) => {
  const { page } = await atPrompt(t);
  const workers = workersOf(page, MACHINE_WORKER);
  t.equal(workers.length, 1);
  end(workers);
  t.match(await failure(page), MACHINE_LOST);
});

t.test('the worker of a machine of a run ends', async (t) => {
  const { page } = await atPrompt(t);
  await runs(page);
  const workers = workersOf(page, MACHINE_WORKER);
  t.ok(workers.length > 0, `${workers.length} workers, of machines and for those to come`);
  end(workers);
  t.match(await failure(page), MACHINE_LOST);
  t.equal(await page.locator('#verdict').count(), 0, 'there is no verdict on the guest');
});

t.test('the worker of the session ends', async (t) => {
  const { page } = await atPrompt(t);
  const workers = workersOf(page, /\/session-worker\.js$/);
  t.equal(workers.length, 1);
  end(workers);
  t.equal(await failure(page), 'the session has ended: its worker has been closed; what to do: reload the page');
});

/** Real time for which a tab is stopped. */
const STOPPED_MS = 5_000;

t.test('a tab in the background that is stopped in the middle of a run', async (t) => {
  interface There {
    readonly setInterval: (tick: () => void, ms: number) => unknown;
    longestMs?: number;
  }
  const { page } = await atPrompt(t);
  await page.evaluate(() => {
    const there = globalThis as unknown as There;
    let lastMs = performance.now();
    there.setInterval(() => {
      const nowMs = performance.now();
      there.longestMs = Math.max(there.longestMs ?? 0, nowMs - lastMs);
      lastMs = nowMs;
    }, 50);
  });
  await runs(page);
  const inFront = await browser.newPage();
  t.teardown(() => inFront.close());
  await inFront.bringToFront();
  // Without a window, Chromium does not freeze tabs, also when it is told to. So the processes of its tabs are stopped.
  const processes = await processesOf('renderer');
  t.ok(processes.length > 0);
  try {
    for (const pid of processes) process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, STOPPED_MS));
  } finally {
    for (const pid of processes) process.kill(pid, 'SIGCONT');
  }
  const { verdict, failures } = await until(page, ({ report }) => report);
  t.same({ verdict, failures }, { verdict: 'pass', failures: [] }, 'the run goes on to its verdict');
  const longestMs = await page.evaluate(() => (globalThis as unknown as There).longestMs);
  t.ok((longestMs ?? 0) > STOPPED_MS / 2, `the tab stood for ${longestMs} ms`);
});

/** Process ids of Chromium's processes of a type. */
async function processesOf(type: string): Promise<readonly number[]> {
  const tools = await browser.browser()?.newBrowserCDPSession();
  if (!tools) throw new Error('Chromium does not tell its processes');
  const { processInfo } = await tools.send('SystemInfo.getProcessInfo');
  await tools.detach();
  return processInfo.filter((one) => one.type === type).map(({ id }) => id);
}
