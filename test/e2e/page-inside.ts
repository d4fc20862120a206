// SPDX-License-Identifier: MIT
/** Goes to an instant between two places of a run of the page, and on from there. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import type { Inside } from '../../emulator/host/browser/session/recall/inside.js';
import { readSession, sessionText, sessionTextOfLink } from '../../emulator/scenario/session-file.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import { until, type There } from './page-support.js';

/**
 * The run has ended, and its memory is watched. Answers its state hash when it has ended again.
 * @param newPage of the same browser.
 */
export async function checkInside(
  t: Test,
  page: Page,
  part: string,
  newPage: () => Promise<Page>,
): Promise<string | undefined> {
  const places = await page.evaluate(() => (globalThis as unknown as There).snapback.places);
  const at = places.findIndex(({ title }) => title === part);
  const [begin, end] = [places[at]?.atMs ?? 0, places[at + 1]?.atMs ?? 0];
  const toMs = Math.round((begin + end) / 2);
  const { machine, virtualMs } = await goInside(page, toMs);
  t.ok(virtualMs >= toMs && virtualMs < end, `machine ${machine} stands at ${virtualMs} ms, within the part`);
  t.equal(await page.textContent('#next'), 'Next');
  await memoryAt(page, virtualMs);
  t.pass('the memory map shows it there');
  t.match(await page.getAttribute('#timeline .mark[data-kind=now]', 'title'), /^now: /);
  await page.keyboard.press('z');
  await page.waitForFunction(() => (globalThis as unknown as There).snapback.stands);
  await page.locator('#console textarea').focus();
  await page.keyboard.type('echo taken $((6 * 7))\n');
  await page.locator('#console .xterm-rows', { hasText: 'taken 42' }).waitFor();
  t.pass('its machine can be taken over: it gets what is typed');
  await checkTaken(t, page, newPage);
  await page.locator('#run-instant').fill(String(toMs));
  await page.click('#go-run-instant');
  await page.waitForFunction(() => (globalThis as unknown as There).snapback.paused?.inside);
  t.pass('and the run can go there again');
  await page.keyboard.press('n');
  const next = await page.waitForFunction(() => {
    const { paused } = (globalThis as unknown as There).snapback;
    return paused !== undefined && paused.inside === undefined && paused.at.title;
  });
  t.equal(await next.jsonValue(), places[at + 1]?.title, 'and goes on to the next place');
  await page.keyboard.press('e');
  const ended = await page.waitForFunction(() => (globalThis as unknown as There).snapback.report);
  return (await ended.jsonValue())?.stateHash;
}

/** Has a machine of the run stand at an instant that the slider has, which the page tells when it stands there. */
async function goInside(page: Page, toMs: number): Promise<Inside> {
  await page.locator('#run-instant').fill(String(toMs));
  await page.evaluate(() => {
    const there = globalThis as unknown as There & { left?: unknown };
    there.left = there.snapback.paused;
  });
  await page.keyboard.press('i');
  const inside = await page.waitForFunction(() => {
    const { snapback, left } = globalThis as unknown as There & { left?: unknown };
    return snapback.paused !== left && snapback.paused?.inside;
  });
  return (await inside.jsonValue()) as Inside;
}

/** The run has paused behind two places at least. A page that is loaded again at an instant of it comes back there. */
export async function checkReloadInside(t: Test, page: Page): Promise<void> {
  const places = await page.evaluate(() => (globalThis as unknown as There).snapback.places);
  const [begin, end] = places.slice(-2).map(({ atMs }) => atMs) as [number, number];
  const inside = await goInside(page, Math.round((begin + end) / 2));
  const title = await page.evaluate(() => (globalThis as unknown as There).snapback.paused?.at.title);
  await page.reload();
  // While the page is being loaded, there is nothing.
  const again = await page.waitForFunction(() => {
    const paused = (globalThis as unknown as Partial<There>).snapback?.paused;
    return paused?.inside && { inside: paused.inside, title: paused.at.title };
  });
  t.same(await again.jsonValue(), { inside, title }, 'a page that is loaded again comes back to its instant');
}

const memoryAt = (page: Page, virtualMs: number): Promise<unknown> =>
  page.waitForFunction((at) => (globalThis as unknown as There).snapback.memory?.virtualMs === at, virtualMs);

/** A machine that was taken over, and has got keys, has a link and a file, which come to where it stands. */
async function checkTaken(t: Test, page: Page, newPage: () => Promise<Page>): Promise<void> {
  await page.locator('#instant').focus();
  await page.keyboard.press('k');
  const there = await until(page, ({ stands }) => stands);
  const link = (await page.getAttribute('#instant-link', 'href')) ?? '';
  const read = readSession(sessionTextOfLink(link) ?? '');
  if ('problem' in read) throw new Error(read.problem);
  t.match(read.session, { sessionFormat: 3, stateHash: there.stateHash, until: { virtualMs: there.virtualMs } });
  const linked = await newPage();
  linked.setDefaultTimeout(HOST_MS_MAX);
  await linked.goto(new URL(link, page.url()).href);
  t.same(await until(linked, ({ stands }) => stands), there, 'its link runs to there and types the same');
  t.equal(await linked.textContent('#same-instant'), 'This is the state of the link.');
  await linked.close();
  const file = join(t.testdir({}), 'taken.json');
  await writeFile(file, sessionText(read.session));
  const { stdout } = await promisify(execFile)(process.execPath, [
    packagePath('tools', 'snapback.mjs'),
    'replay',
    file,
  ]);
  t.match(stdout, `state ${there.stateHash.slice(0, 16)} again`, 'and so does its file, in Node');
}

/** The memory map also shows a machine in the middle of its resume: first the kernel that loads, then the system that is back. */
export async function checkResuming(t: Test, page: Page): Promise<void> {
  const places = await page.evaluate(() => (globalThis as unknown as There).snapback.places);
  const at = places.findIndex(({ title }) => title.startsWith('resume'));
  const [begin, end] = [places[at]?.atMs ?? 0, places[at + 1]?.atMs ?? 0];
  for (const share of [0.5, 0.98]) {
    const { virtualMs } = await goInside(page, Math.round(begin + share * (end - begin)));
    await memoryAt(page, virtualMs);
    const { fates, kinds } = await page.evaluate(() => {
      const { memory } = (globalThis as unknown as There).snapback;
      return { fates: memory?.fates !== undefined, kinds: new Set(memory?.kinds).size };
    });
    t.ok(kinds > 5, `${kinds} kinds of pages at ${share} of the resume`);
    t.equal(fates, share > 0.9, 'what became of the pages is known of the system that is back');
  }
}
