// SPDX-License-Identifier: MIT
/**
 * The same machine in a browser and in Node: same instruction count, same state. In Node it runs from power-on without an
 * interruption, and in the browser it continues from a saved state, with and without memory that the page shares with its
 * worker: from Snapback's server, and from one that only delivers files. What Node does runs at the same time.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { BrowserContext, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { buildPage, buildWorkers } from '../../esbuild.config.mjs';
import { packagePath } from '../../emulator/host/node/paths.js';
import type { Report } from '../../emulator/report/model.js';
import { renderText } from '../../emulator/report/text.js';
import { runScenario } from '../../tools/run/run-scenario.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { PageResults } from '../../emulator/host/browser/page.js';
import type { PromptState } from '../../emulator/host/browser/session/protocol.js';
import { PROMPT_MS } from '../../emulator/host/browser/session/prompt.js';
import { obtainMachineFiles } from '../../tools/run/machine-files.js';
import { loadScenario } from '../../tools/run/scenario-file.js';
import type { MachineShown } from '../../emulator/cycle/machines.js';
import { disksOf } from '../../emulator/host/browser/session/disks.js';
import { countsOf, stripsOf } from '../../emulator/host/browser/views/disk-map-model.js';
import type { Machine, MarkerSeen } from '../../emulator/machine/contract.js';
import { MARKER_LAYOUT, USER_MARKERS } from '../../emulator/machine/markers.js';
import { pfn } from '../../emulator/machine/units.js';
import { announcedKernel } from '../../emulator/memory/kernel.js';
import { PAGE_KINDS } from '../../emulator/memory/kinds.js';
import { pageReader } from '../../emulator/memory/pages.js';
import { parseSystemMap } from '../../emulator/memory/symbols.js';
import { guestMemory } from '../../emulator/memory/view.js';
import { buddyFree } from '../../emulator/memory/zones.js';
import { memoryReader } from '../../emulator/host/browser/session/memory-reader.js';
import { defaultCacheDir } from '../../emulator/host/node/artifacts/context.js';
import {
  linkPart,
  SESSION_FORMAT,
  SESSION_NAME,
  sessionText,
  type SessionFile,
} from '../../emulator/scenario/session-file.js';
import type { MachineDescription } from '../../emulator/host/browser/storage/description.js';
import { loadSession, sessionDifferences } from '../../tools/cli/replay-session.js';
import { notNamed } from '../../tools/soak/faults.js';
import { scenarioPage } from '../../tools/page/scenario-page.js';
import { serveFiles } from '../../tools/page/server.js';
import { contentOf, type PageFile } from '../../tools/page/files.js';
import { openChromium } from '../../tools/browsers/chromium.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import { checkAccess } from './page-access.js';
import { checkMapClicks, checkMemoryCanvas, withoutOffscreen } from './page-canvas.js';
import { checkChoice } from './page-choice.js';
import {
  checkConsoles,
  checkFates,
  checkGrowing,
  checkMarks,
  checkReload,
  checkRunning,
  recordGrowing,
  recordRunning,
} from './page-reading.js';
import { checkInside, checkReloadInside, checkResuming } from './page-inside.js';
import { emptyViewPictures, picture, pictureOfViews } from './page-pictures.js';
import { checkRedirected } from './page-redirected.js';
import { checkPausedScreen, checkScreen } from './page-screen.js';

await buildWorkers();
await buildPage();
const context = {
  cacheDir: defaultCacheDir(),
  progress: () => undefined,
  signal: new AbortController().signal,
};
const loaded = await loadScenario(packagePath('test', 'e2e', 'fixtures', 'in-browser.yaml'));
const { config, systemMap } = await obtainMachineFiles(loaded.plan.machine, loaded.scenario.disks, context);

/** Of what is loaded before the page shows anything, the emulator left out, compressed. */
const SCRIPT_BYTES_MAX = 250_000;

/** A row of a table on the page. */
interface Row {
  readonly dataset: { readonly kind: string };
  readonly textContent: string;
}

/** What the code that runs in the page finds there. */
interface There {
  readonly snapback: PageResults;
  readonly crossOriginIsolated: boolean;
  readonly document: { readonly body: { readonly innerText: string }; readonly activeElement: Element };
}

/** Any web server: it delivers `files` below /somewhere/, and sets no header but the type. */
async function plainServer(
  files: ReadonlyMap<string, PageFile>,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const types: Readonly<Record<string, string>> = {
    html: 'text/html',
    js: 'text/javascript',
    css: 'text/css',
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/somewhere\//, '') || 'index.html';
    const file = files.get(path);
    const type = types[path.split('.').at(-1) ?? ''];
    if (!file) response.writeHead(404).end();
    else
      void contentOf(file).then((bytes) =>
        response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(bytes),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/somewhere/`,
    close: () => void server.close().closeAllConnections(),
  };
}

/**
 * Opens the page at `url` and waits for the prompt of its machine. `problems` gets the errors of the page. `prepare` is called before it
 * is opened.
 */
async function open(
  browser: BrowserContext,
  url: string,
  problems: string[],
  prepare: (page: Page) => Promise<unknown> = () => Promise.resolve(),
): Promise<{
  readonly page: Page;
  readonly state: PromptState;
  readonly isolated: boolean;
}> {
  const page = await browser.newPage();
  page.setDefaultTimeout(HOST_MS_MAX);
  page.on('pageerror', (error) => problems.push(String(error)));
  const origin = url.replace(/#.*/, '');
  page.on('request', (request) => {
    if (
      !request
        .url()
        .replace(/^blob:/, '')
        .startsWith(origin) &&
      !request.url().startsWith('data:')
    )
      problems.push(request.url());
  });
  await prepare(page);
  await page.goto(url);
  const found = await page.waitForFunction(() => (globalThis as unknown as There).snapback.prompt);
  const state = (await found.jsonValue()) as PromptState;
  const isolated = await page.evaluate(() => (globalThis as unknown as There).crossOriginIsolated);
  return { page, state, isolated };
}

/** What a picture of the memory shows without a capture is what the free lists and the descriptors say, read one by one. */
async function checkKinds(t: Test, machine: Machine, markers: readonly MarkerSeen[]): Promise<void> {
  const kinds = await (await memoryReader(machine, systemMap, markers)).kinds();
  const layout = markers.find(({ kind }) => kind === MARKER_LAYOUT);
  if (!layout) throw new Error('the kernel has announced no layout');
  const kernel = announcedKernel(guestMemory(await machine.captureMemory()), parseSystemMap(systemMap), layout);
  const pages = pageReader(kernel);
  const free = buddyFree(kernel, pages.array);
  const wrong: string[] = [];
  kinds.forEach((number, frame) => {
    const kind = PAGE_KINDS[number];
    const { type, head, anonymous, swapCache, file, references } = pages.state(pfn(frame));
    const expected =
      free[frame] === 1
        ? kind === 'free'
        : head !== undefined
          ? kind === PAGE_KINDS[kinds[head] ?? 0]
          : kind === 'free'
            ? references === 0
            : (kind === 'slab') === (type === 'slab') &&
              (kind === 'pageTable') === (type === 'table') &&
              (kind === 'anonymous') === (anonymous || swapCache) &&
              (kind === 'pageCache') === (file !== undefined);
    if (!expected) wrong.push(`${frame}: ${kind ?? number}`);
  });
  t.same(wrong, [], 'the memory map shows what the kernel says of each page');
}

/** The machine from its power-on to its prompt, in Node. */
async function alone() {
  const machine = await createV86Engine().powerOn(config);
  const markers: MarkerSeen[] = [];
  for (const kind of [USER_MARKERS.beforeDisk, USER_MARKERS.agentReady]) {
    const { reason, markers: seen } = await machine.run({
      virtualMsMax: 60_000,
      triggers: [{ when: { on: 'marker', kind }, then: { do: 'stop' } }],
    });
    if (reason.why !== 'trigger') throw new Error(`the machine has stopped: ${reason.why}`);
    markers.push(...seen);
  }
  const here = await machine.run({ virtualMsMax: PROMPT_MS });
  return { machine, markers, here, stateHash: await machine.stateHash() };
}

/** The element that has the focus. */
interface Focused {
  readonly id: string;
  readonly matches: boolean;
  /** Why the focus cannot be seen. */
  readonly problem: string | undefined;
}

interface Element {
  readonly id: string;
  readonly tagName: string;
  readonly textContent: string;
  readonly tabIndex: number;
  matches(selector: string): boolean;
  closest(selector: string): Element | null;
  checkVisibility(options: { readonly visibilityProperty: true }): boolean;
  getBoundingClientRect(): { readonly top: number; readonly bottom: number };
}

/** Goes to an element by the key Tab alone. What has the focus on the way can be seen. */
async function tabTo(t: Test, page: Page, selector: string): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < TABS_MAX; presses++) {
    await page.keyboard.press('Tab');
    const { id, matches, problem } = await page.evaluate((selector): Focused => {
      const { document, getComputedStyle, innerHeight } = globalThis as unknown as {
        readonly document: { readonly activeElement: Element };
        readonly innerHeight: number;
        getComputedStyle(element: Element): { readonly outlineStyle: string; readonly outlineWidth: string };
      };
      const { activeElement } = document;
      const { outlineStyle, outlineWidth } = getComputedStyle(activeElement);
      const { top, bottom } = activeElement.getBoundingClientRect();
      const id = activeElement.id || activeElement.tagName;
      const isSeen = outlineStyle === 'solid' && outlineWidth === '3px' && bottom > 0 && top < innerHeight;
      const problem = isSeen || id === 'BODY' ? undefined : `${id}: ${outlineStyle} ${outlineWidth}, at ${top}`;
      return { id, matches: activeElement.matches(selector), problem };
    }, selector);
    if (problem !== undefined) t.fail(`what has the focus is not to be seen: ${problem}`);
    if (matches) return;
    seen.push(id);
  }
  throw new Error(`the key Tab does not come to ${selector}, only to ${seen.join(', ')}`);
}
const TABS_MAX = 120;

/** All that can be clicked can be reached by the key Tab. */
async function checkReach(t: Test, page: Page, when: string): Promise<void> {
  interface Reached {
    readonly document: { readonly activeElement: Element; querySelectorAll(selector: string): Iterable<Element> };
    left: Set<Element>;
  }
  const count = await page.evaluate(() => {
    const there = globalThis as unknown as Reached;
    const all = [...there.document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')];
    there.left = new Set(all.filter((one) => one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true })));
    return there.left.size;
  });
  let left: readonly string[] = [''];
  for (let presses = 0; presses < 2 * TABS_MAX && left.length > 0; presses++) {
    await page.keyboard.press('Tab');
    left = await page.evaluate(() => {
      const { document, left } = globalThis as unknown as Reached;
      left.delete(document.activeElement);
      return [...left].map(({ id, tagName, textContent }) => `${tagName} ${id} ${textContent.slice(0, 40)}`);
    });
  }
  t.same(left, [], `${when}: all of ${count} elements are reached by the key Tab`);
  t.ok(count > 10);
}

t.test('headless Chromium reaches the state that Node reaches', async (t) => {
  await emptyViewPictures();
  const files = await scenarioPage(loaded, context);
  const inNode = alone();
  t.teardown(async () => (await inNode.catch(() => undefined))?.machine.close());
  const server = await serveFiles(files, 0);
  const delivered = new Map(files);
  const plain = await plainServer(delivered);
  const { browser, close } = await openChromium();
  t.teardown(async () => {
    await close();
    await server.close();
    plain.close();
  });

  const problems: string[] = [];
  const description = JSON.parse(
    new TextDecoder().decode(files.get('machine/machine.json') as Uint8Array),
  ) as MachineDescription;
  // What is done on the page below: havoc in the live timeline, and a command that goes before the first one.
  const edited = loaded.text
    .replace('  - run: md5sum /etc', '  - run: echo $((6 * 7))\n  - run: md5sum /etc')
    .replace(
      '      method: sys_snapshot\n',
      '      method: sys_snapshot\n      beforeSaving:\n        - scribble /etc\n',
    );
  const done: SessionFile = {
    sessionFormat: SESSION_FORMAT,
    snapback: description.snapback,
    scenario: edited,
    artifacts: description.artifacts,
    core: description.core,
  };
  const link = linkPart(done);
  const without = await open(browser, plain.url + link, problems, withoutOffscreen);
  t.equal(await without.page.inputValue('#scenario'), edited, 'a link brings its scenario');
  t.notOk(without.isolated, 'a server without special headers: no shared memory');
  t.match(await without.page.textContent('#status'), /^at the prompt: instruction/);
  await without.page.click('#skip');
  await without.page.click('#watch');
  await checkMemoryCanvas(t, without.page, 'page');
  await without.page.close();
  const { page, state: shared, isolated } = await open(browser, server.url, problems);
  t.ok(isolated, "Snapback's server: shared memory");

  const { machine, markers, here, stateHash } = await inNode;
  await checkKinds(t, machine, markers);
  for (const [name, state] of Object.entries({
    with: shared,
    without: without.state,
  })) {
    t.equal(state.instructions, here.instructions, `${name} shared memory: at the same instruction`);
    t.equal(state.virtualMs, here.virtualMs, 'at the same time');
    t.equal(state.stateHash, stateHash, 'in the same state, all RAM included');
  }
  for (const [name, state] of Object.entries({
    with: shared,
    without: without.state,
  }))
    t.comment(
      `${name} shared memory: loaded after ${Math.round(state.loadedMs)} ms, prompt ${Math.round(state.promptMs)} ms`,
    );
  const scriptOf = (name: string): Uint8Array => files.get(name) as Uint8Array;
  const programs = ['page.js', 'session-worker.js', 'paint-worker.js'];
  const atOnce = programs.flatMap((name) =>
    [...new TextDecoder().decode(scriptOf(name)).matchAll(/\b(?:from|import)"\.\/(parts\/[^"]+)"/g)].map(
      ([, part]) => part ?? '',
    ),
  );
  const bytesOf = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + gzipSync(scriptOf(name), { level: 9 }).length, 0);
  const first = new Set([...programs, ...atOnce]);
  const scriptBytes = bytesOf(first);
  t.ok(scriptBytes < SCRIPT_BYTES_MAX, `script without the emulator: ${scriptBytes} bytes compressed`);
  const later = [...files.keys()].filter((name) => /^parts\/.*\.js$/.test(name) && !first.has(name));
  t.ok(
    later.some((name) => name.includes('zstddec')),
    `and ${bytesOf(later)} bytes later`,
  );

  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const { id, tagName } = (globalThis as unknown as There).document.activeElement;
      return id || tagName;
    });
  // From here on by keys alone. The console has the focus, and the page's own keys are typed there.
  await page.keyboard.type('echo from the $((40 + 2)) keyboard\n');
  await page.waitForFunction(() =>
    /from the 42 keyboard/.test((globalThis as unknown as There).document.body.innerText),
  );
  await checkScreen(t, page);

  t.equal(await focused(), 'TEXTAREA');
  await page.keyboard.press('Tab');
  t.equal(await focused(), 'TEXTAREA', 'the guest gets the key Tab');
  await page.keyboard.press('Shift+Tab');
  t.equal(await focused(), 'console', 'and who types gets out again');
  await page.keyboard.press('y');
  t.equal(await focused(), 'TEXTAREA');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  t.equal(await focused(), 'TEXTAREA');
  await page.keyboard.press('Shift+Tab');

  await page.keyboard.press('w');
  await page.waitForSelector('#memory-map');
  const counts = await page.locator('.legend .number').allTextContents();
  t.equal(
    counts.reduce((sum, count) => sum + Number(count), 0),
    (config.memoryMiB * 2 ** 20) / 4096,
    'the memory map has all pages',
  );
  t.ok(counts.filter((count) => count !== '0').length >= 7, 'of nearly all kinds');
  await checkMemoryCanvas(t, page, 'worker');
  await tabTo(t, page, '#frame');
  await page.keyboard.type('4096');
  await page.keyboard.press('Enter');
  t.match(
    await (await page.waitForSelector('#page')).textContent(),
    /^Page frame 4096 at .*: \S/,
    'and tells whose a page is',
  );
  await pictureOfViews(t, page, 'prompt', ['tour', 'recall', 'editor', 'memory-map', 'console', 'screen']);
  await checkAccess(t, page, 'at the prompt, with the tour and the memory that is watched');

  t.equal(await page.inputValue('#scenario'), loaded.text);
  await tabTo(t, page, '#edit summary');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  t.equal(await focused(), 'scenario');
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(loaded.text.replace('- resume\n', '- resumee\n'));
  await tabTo(t, page, '#step');
  await page.keyboard.press('Enter');
  t.match(await (await page.waitForSelector('#refused')).textContent(), /scenario:\d+:\d+: .*resumee/);
  await tabTo(t, page, '#scenario');
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(loaded.text);
  await tabTo(t, page, '#step');
  await page.keyboard.press('Enter');
  const machines = new Map<number, MachineShown>();
  const repeated = loadSession(SESSION_NAME, sessionText(done)).then(({ loaded: theSame }) =>
    runScenario(theSame, context, {
      say: () => undefined,
      onMachine: (shown) => machines.set(shown.number, shown),
    }),
  );
  repeated.catch(() => undefined);
  const parts: string[] = [];
  /** What begins at the next pause; undefined at the end of the run. */
  const paused = async (): Promise<string | undefined> => {
    const now = await page.waitForFunction(() => {
      const { paused, report, phase } = (globalThis as unknown as There).snapback;
      return (phase === 'failed' || report !== undefined || paused !== undefined) && { title: paused?.at.title };
    });
    const { title } = (await now.jsonValue()) as { readonly title?: string };
    if (title !== undefined) parts.push(title);
    return title;
  };
  /** Does something at a pause, which ends it. */
  const act = async (action: () => Promise<void>): Promise<string | undefined> => {
    await page.evaluate(() => {
      const there = globalThis as unknown as There & { left?: unknown };
      there.left = there.snapback.paused;
    });
    await action();
    await page.waitForFunction(() => {
      const there = globalThis as unknown as There & { left?: unknown };
      return there.snapback.paused !== there.left;
    });
    return paused();
  };
  const press = (key: string) => () => page.keyboard.press(key);
  await paused();
  t.equal(await focused(), 'step', 'the focus stays, though this is done');
  await act(press('n'));
  await page.keyboard.press('c');
  await page.keyboard.type('echo $((6 * 7))');
  t.equal(await focused(), 'command');
  await act(press('Enter'));
  t.equal(await focused(), 'next', 'what had the focus has gone');
  await checkReach(t, page, 'at a pause');
  while ((await act(press('n'))) !== 'save the image');
  const memory = await page.waitForFunction((promptMs) => {
    const { memory } = (globalThis as unknown as There).snapback;
    return memory !== undefined && memory.virtualMs > promptMs && memory.virtualMs;
  }, shared.virtualMs);
  t.comment(`the memory map shows the machine of the run at ${String(await memory.jsonValue())} ms`);
  await checkPausedScreen(t, page, shared.virtualMs);
  // What was done before the second one has taken its place.
  await checkMarks(t, page, parts.toSpliced(1, 1));
  await checkMapClicks(t, page);
  const preserved = await checkFates(t, page);
  await checkAccess(t, page, 'at a pause');
  await picture(t, page, 'live', '#tour', '#timeline');
  await pictureOfViews(t, page, 'live', ['tour', 'pause', 'editor', 'memory-map', 'timeline', 'console', 'screen']);
  await act(press('h'));
  t.equal(await page.inputValue('#scenario'), edited, 'what is done changes the scenario');
  t.same(
    parts,
    [
      'boot',
      'run md5sum /etc/* > /run/sums 2> /run/errors; true',
      'run echo $((6 * 7))',
      'run md5sum /etc/* > /run/sums 2> /run/errors; true',
      'suspend (sys_snapshot)',
      'save the image',
      'run scribble /etc',
    ],
    'part by part, by keys, and on from what was done',
  );
  await tabTo(t, page, '#moment');
  await page.keyboard.press('ArrowLeft');
  t.equal(await page.textContent('#go'), 'Go to: suspend (sys_snapshot)', 'back to another place');
  await tabTo(t, page, '#go');
  await act(press('Enter'));
  t.equal(await focused(), 'go');
  await tabTo(t, page, '#next');
  await recordGrowing(page);
  await recordRunning(page);
  parts.length = 0;
  while ((await act(press('Enter'))) !== undefined) {
    t.equal(await page.textContent('#next'), `Next: ${parts.at(-1) ?? ''}`);
    if (parts.at(-1) === 'verify') await checkConsoles(t, page);
    // After the havoc, which is written at once, and after the resume.
    const isLive = parts.at(-1) === 'save the image';
    if (isLive || parts.at(-1) === 'verify') await checkRedirected(t, page, isLive);
  }
  t.same(
    parts,
    [
      'run scribble /etc',
      'save the image',
      'power off',
      'resume in a new machine',
      'verify',
      'run md5sum -c --quiet /run/sums',
      'shut down',
      'the end of the scenario',
    ],
    'and on from there',
  );
  const ended = await page.waitForFunction(() => (globalThis as unknown as There).snapback.report);
  const report = (await ended.jsonValue()) as Report;
  t.equal(await focused(), 'verdict', 'by one button to the verdict');
  await checkReach(t, page, 'at the end');
  const saved = (await page.getAttribute('#session-file', 'href')) ?? '';
  const { session } = await loadSession(
    SESSION_NAME,
    decodeURIComponent(saved.replace(/^data:application\/json,/, '')),
  );
  t.same(session, { ...done, stateHash: report.stateHash }, 'its session has what was done');
  const { report: there } = await repeated;
  t.equal(report.verdict, 'pass', 'the scenario passes on the page');
  t.same(report.failures, []);
  t.equal(report.stateHash, there.stateHash, 'and ends in the state in which its session ends in Node');
  t.equal(report.perCycle[0]?.measures?.preservedPages, preserved, 'the memory map has shown all preserved pages');
  t.same(sessionDifferences(session, there), []);
  for (const key of ['memory', 'image', 'disk', 'frozen', 'instructions', 'virtualMs', 'replay', 'artifacts'] as const)
    t.same(report[key], there[key], key);
  t.equal(await page.textContent('#verdict'), renderText(report, { colour: false }), 'printed as on the command line');
  await checkGrowing(t, page, renderText(report, { colour: false }));
  await checkRunning(t, page);
  const writers = await page.locator('#disks .legend tr').evaluateAll((rows) =>
    rows.map((row) => {
      const { dataset, textContent } = row as unknown as Row;
      return [dataset.kind, Number(/\d+$/.exec(textContent)?.[0])] as const;
    }),
  );
  const image = await page.evaluate(() => (globalThis as unknown as There).snapback.image);
  const disks = disksOf(config.disks, loaded.plan);
  const store = disks.flatMap(({ volumes }) => volumes).find(({ role }) => role === 'image store');
  t.ok(
    store &&
      image?.ranges.every(
        ({ disk, startSector, sectors }) =>
          disk === 'sdb' &&
          startSector >= store.startSector &&
          startSector + sectors <= store.startSector + store.sectors,
      ),
    'the image lies in its store',
  );
  const strips = stripsOf(disks, [...machines.values()], { differences: [], image });
  const written = countsOf(strips.map(({ last }) => last)).map(({ kind, count }) => [kind, count] as const);
  t.same(writers, written, 'the disk map shows what the machines in Node have written');
  t.ok(
    written.every(([, sectors]) => sectors > 0),
    'each timeline of which has written something',
  );
  t.ok(
    written.some(([kind]) => kind === 'image'),
    'and where the image is',
  );
  await tabTo(t, page, '#sector-sdb');
  await page.keyboard.type('788480');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() =>
    (globalThis as unknown as There).document.body.innerText.includes('image store, ext4, sectors'),
  );
  t.match(
    await page.textContent('#place'),
    /^sdb3, image store, ext4, sectors 788480 to 788607: (?:\d+ of the image, )?\d+ written by/,
    'and what a place is',
  );
  await checkAccess(t, page, 'at the end');
  await picture(t, page, 'proofs', '#timeline', '#verdict', '#disks');
  await pictureOfViews(t, page, 'end', ['timeline', 'disk-map', 'proofs', 'console', 'console-before']);
  t.match(await page.textContent('#tour'), /^6 of 6/, 'the tour ends at the proofs');
  await tabTo(t, page, '#skip');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => (globalThis as unknown as There).document.activeElement.id === 'verdict');
  await checkResuming(t, page);
  const newPage = (): Promise<Page> => page.context().newPage();
  t.equal(await checkInside(t, page, 'save the image', newPage), report.stateHash, 'by an instant to the same end');
  // Back to the suspend, and on with a fault of the list.
  await tabTo(t, page, '#timeline .mark[title^="before: suspend"]');
  t.equal(await act(press('Enter')), 'suspend (sys_snapshot)', 'a mark on the timeline goes there');
  await tabTo(t, page, '#faults summary');
  await page.keyboard.press('Enter');
  await tabTo(t, page, '#do-alterSector');
  t.equal(await act(press('Enter')), 'suspend (sys_snapshot)');
  t.equal(await focused(), 'next');
  t.equal(await act(press('e')), undefined);
  const altered = (await (
    await page.waitForFunction(() => (globalThis as unknown as There).snapback.report)
  ).jsonValue()) as Report;
  t.equal(altered.verdict, 'fail');
  t.same(notNamed('alterSector', altered), [], 'the proofs name the fault');
  t.match(await page.textContent('#disks .legend tr[data-kind=differing]'), /^sectors differing at the resume1$/);
  await tabTo(t, page, '#sector-sda');
  await page.keyboard.type('300000');
  await page.keyboard.press('Enter');
  const owner = /sda: 1 from sector 300000: (.+)$/m.exec((await page.textContent('#verdict')) ?? '')?.[1];
  t.equal(
    await (await page.waitForSelector('#sector p')).textContent(),
    `Sector 300000 of sda: sda: ${owner}. Its bytes at the snapshot, and at the resume:`,
    'the disk map names the sector as the proofs do',
  );
  const [then, now] = await page.locator('#sector pre').allTextContents();
  t.match(then, /^0927c000 {2}(?:[0-9a-f]{2} ){15}[0-9a-f]{2} /);
  t.not(then, now, 'with its bytes then and now');
  t.match(
    await page.getAttribute('#timeline .track[data-kind=live] .span:last-child .mark[data-kind=fault]', 'title'),
    /^fault: a sector altered, at /,
    'the timeline shows where the fault was made',
  );
  await tabTo(t, page, '#timeline .mark[data-kind=fault]');
  t.equal(await act(press('Enter')), 'resume in a new machine', 'and its mark goes there');
  t.equal(await act(press('e')), undefined);
  await checkAccess(t, page, 'with a fault');
  // A field has the focus, which takes the keys.
  await act(() => page.click('#step'));
  for (let place = 1; place <= 2; place += 1) await act(press('n'));
  await checkReloadInside(t, page);
  await act(press('n'));
  await checkReload(t, page);
  // A machine less for the next one.
  await page.close();
  await checkChoice(t, browser, loaded, context);

  t.comment(`the scenario took ${report.realMs} ms on the page and ${there.realMs} ms in Node`);
  t.same(problems, [], 'without an error on the page, and without a request to elsewhere');

  const state = [...files.keys()].find((path) => path.startsWith('machine/agentReady-')) ?? '';
  delivered.delete(state);
  const broken = await browser.newPage();
  await broken.goto(plain.url);
  await broken.waitForSelector('#status.failed', { timeout: HOST_MS_MAX });
  t.equal(
    await broken.textContent('#status'),
    `cannot load ${plain.url}${state}: status 404`,
    'a missing file is told',
  );
  t.equal(await broken.locator('#tour').count(), 0, 'the tour is not shown again');
});
