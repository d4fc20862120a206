// SPDX-License-Identifier: MIT
/** The page goes back to instants of its machine, in Chromium. The machine is that of the conformance suite, which needs no kernel. */
import type { Page } from 'playwright-core';
import t from 'tap';
import { buildPage, buildWorkers } from '../../esbuild.config.mjs';
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { StandsAt } from '../../emulator/host/browser/session/protocol.js';
import type { SessionState } from '../../emulator/host/browser/session/state.js';
import { pageFiles } from '../../tools/page/files.js';
import { serveFiles } from '../../tools/page/server.js';
import { conformanceConfig, READY } from '../conformance/guest.js';
import { openChromium } from '../../tools/browsers/chromium.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';

await buildWorkers();
await buildPage();

interface There {
  readonly snapback: SessionState;
}

/** Its guest waits in a loop that the emulator is slow at, so a virtual ms has fewer instructions. */
const config = { ...(await conformanceConfig()), instructionsPerMs: 20_000 };

async function readyState(): Promise<BootState> {
  const machine = await createV86Engine().powerOn(config);
  const { console, markers, instructions, virtualMs } = await machine.run({
    virtualMsMax: 5_000,
    triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
  });
  const checkpoint = await machine.checkpoint();
  await machine.close();
  return { checkpoint, seen: { console, markers, writes: [[]], instructions, virtualMs } };
}

type Seen = Pick<SessionState, 'phase' | 'said' | 'prompt' | 'recall' | 'stands'>;

/** Waits for what `find` finds in the state of the page, unless that has failed. */
async function until<Found>(page: Page, find: (seen: Seen) => Found | undefined | false): Promise<Found> {
  for (const endMs = performance.now() + HOST_MS_MAX; performance.now() < endMs;) {
    const seen = await page.evaluate((): Seen => {
      const { phase, said, prompt, recall, stands } = (globalThis as unknown as There).snapback;
      return { phase, said, prompt, recall, stands };
    });
    if (seen.phase === 'failed') throw new Error(`the page has failed: ${seen.said}`);
    const found = find(seen);
    if (found !== undefined && found !== false) return found;
    await page.waitForTimeout(50);
  }
  throw new Error('the page does not come to what was awaited');
}

const standing = (page: Page): Promise<StandsAt> => until(page, ({ stands }) => stands);
const lineOf = (page: Page): Promise<number> => until(page, ({ recall }) => recall?.line);

/** Until the machine at the prompt has moved on by so many virtual ms. */
async function moved(page: Page, byMs: number): Promise<void> {
  const fromMs = await until(page, ({ recall }) => recall?.at.virtualMs);
  await until(page, ({ recall }) => recall !== undefined && recall.at.virtualMs > fromMs + byMs);
}

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
  const state = await readyState();
  const files = await pageFiles({
    config,
    configKey: 'key',
    hashes: { kernel: 'conformance' },
    systemMap: '',
    agentReady: state,
    beforeDisk: state,
    plan: { name: 'none', files: [], steps: [] } as never,
    text: 'name: none\nsteps:\n  - boot\n',
    facts: {} as never,
  });
  const server = await serveFiles(files, 0);
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
