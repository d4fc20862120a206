// SPDX-License-Identifier: MIT
/** Goes to an instant between two places of a run of the page, and on from there. */
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import type { There } from './page-support.js';

/** The run has ended, and its memory is watched. Answers its state hash when it has ended again. */
export async function checkInside(t: Test, page: Page, part: string): Promise<string | undefined> {
  const places = await page.evaluate(() => (globalThis as unknown as There).snapback.places);
  const at = places.findIndex(({ title }) => title === part);
  const [begin, end] = [places[at]?.atMs ?? 0, places[at + 1]?.atMs ?? 0];
  const toMs = Math.round((begin + end) / 2);
  await page.locator('#run-instant').fill(String(toMs));
  await page.keyboard.press('i');
  const inside = await page.waitForFunction(() => (globalThis as unknown as There).snapback.paused?.inside);
  const { machine, virtualMs } = (await inside.jsonValue()) as { readonly machine: number; readonly virtualMs: number };
  t.ok(virtualMs >= toMs && virtualMs < end, `machine ${machine} stands at ${virtualMs} ms, within the part`);
  t.equal(await page.textContent('#next'), 'Next');
  await page.waitForFunction(
    (virtualMs) => (globalThis as unknown as There).snapback.memory?.virtualMs === virtualMs,
    virtualMs,
  );
  t.pass('the memory map shows it there');
  t.match(await page.getAttribute('#timeline .mark[data-kind=now]', 'title'), /^now: /);
  await page.keyboard.press('z');
  await page.waitForFunction(() => (globalThis as unknown as There).snapback.stands);
  await page.locator('#console textarea').focus();
  await page.keyboard.type('echo taken $((6 * 7))\n');
  await page.locator('#console .xterm-rows', { hasText: 'taken 42' }).waitFor();
  t.pass('its machine can be taken over: it gets what is typed');
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
