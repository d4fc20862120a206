// SPDX-License-Identifier: MIT
/** The page goes back to instants of its machine, in Chromium. The machine is that of the conformance suite, which needs no kernel. */
import type { Page } from 'playwright-core';
import t from 'tap';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { coreDigest } from '../../emulator/host/node/core-digest.js';
import { linkPart, readSession, sessionTextOfLink, type SessionFile } from '../../emulator/scenario/session-file.js';
import { repeatAtPrompt } from '../../tools/run/typed-session.js';
import type { StandsAt } from '../../emulator/host/browser/session/protocol.js';
import { openChromium } from '../../tools/browsers/chromium.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import { serveFiles } from '../../tools/page/server.js';
import { moved, smallMachine, smallPage, until } from './page-support.js';

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

/** The tab keeps that so many pieces were typed. */
const kept = (page: Page, pieces: number): Promise<unknown> =>
  page.waitForFunction((pieces) => {
    const { sessionStorage } = globalThis as unknown as { readonly sessionStorage: Record<string, string> };
    return Object.values(sessionStorage).some((text) => text.split('base64').length === pieces + 1);
  }, pieces);

/** The link to where the machine stands. The page may still have the one to where it stood before. */
async function linkOf(page: Page, at: StandsAt): Promise<{ readonly link: string; readonly session: SessionFile }> {
  for (const endMs = performance.now() + HOST_MS_MAX; performance.now() < endMs; await page.waitForTimeout(50)) {
    const link = (await page.getAttribute('#instant-link', 'href')) ?? '';
    const read = readSession(sessionTextOfLink(link) ?? '');
    if ('session' in read && read.session.until?.virtualMs === at.virtualMs) return { link, session: read.session };
  }
  throw new Error('the page has no link to where its machine stands');
}

t.test('back to an instant, on as it was, and on differently', async (t) => {
  const machine = await smallMachine();
  const server = await serveFiles(await smallPage(machine), 0);
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

  await page.locator('#instant').fill(String(Math.ceil(end.virtualMs)));
  await press(page, 'i');
  await until(page, ({ stands }) => stands?.instructions === end.instructions);
  const { link, session } = await linkOf(page, end);
  t.match(session, { stateHash: end.stateHash, core: coreDigest(), until: { instructions: end.instructions } });
  t.same(
    session.typed?.map(({ base64 }) => atob(base64)),
    ['a', 'b'],
  );
  const node = await repeatAtPrompt(
    createV86Engine(),
    machine.config,
    { checkpoint: machine.state.checkpoint },
    session,
  );
  t.same(node, { elsewhere: undefined, stateHash: end.stateHash }, 'Node comes to the state of the page');
  const linked = await browser.newPage();
  linked.setDefaultTimeout(HOST_MS_MAX);
  linked.on('pageerror', (error) => problems.push(String(error)));
  await linked.goto(server.url + link);
  t.same(await standing(linked), end, 'a link stands where it was made, in the same state');
  t.equal(await linked.textContent('#same-instant'), 'This is the state of the link.');
  t.same((await linkOf(linked, end)).session, session, 'and makes the same link');
  t.same(await goTo(linked, middleMs), middle, 'the instants before can be gone to');
  await linked.close();
  const refused = await browser.newPage();
  await refused.goto(server.url + linkPart({ ...session, core: '0'.repeat(64) }));
  await t.rejects(
    until(refused, ({ stands }) => stands),
    { message: /does not fit this machine, because these differ: emulator core \(needed: 0{12}, present: / },
    'a link of another core',
  );
  await refused.close();
  t.same(await goTo(page, middleMs), middle);

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

  await page.reload();
  t.same(await standing(page), other, 'a page that is loaded again stands where it stood, in the same state');
  await press(page, 'k');
  await type(page, 'y');
  await kept(page, 3);
  await page.reload();
  await until(page, ({ phase, recall }) => phase === 'prompt' && recall?.isStanding === false);
  await press(page, 'k');
  const typed = (await linkOf(page, await standing(page))).session.typed;
  t.same(
    typed?.map(({ base64 }) => atob(base64)),
    ['a', 'x', 'y'],
    'one whose machine moved goes on behind what was typed',
  );
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
