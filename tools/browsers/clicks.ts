// SPDX-License-Identifier: MIT
/** What somebody does on the page with a mouse: the whole round of a scenario, and each fault of the page's list. */
import type { Addition } from '../../emulator/host/browser/session/additions.js';
import type { SessionState } from '../../emulator/host/browser/session/state.js';
import type { Report } from '../../emulator/report/model.js';
import type { SessionFile } from '../../emulator/scenario/session-file.js';
import { poll, type DrivenPage } from './driven-page.js';

/** A run that has come to its end. */
export interface RunEnd {
  readonly report: Report;
  readonly session: SessionFile;
  /** The titles of what began at the pauses. */
  readonly parts: readonly string[];
}

/** Where a run has paused. */
interface Paused {
  readonly title: string;
  readonly additions: readonly Addition[];
}

/** What the code that runs in the page finds there. `left`: the pause that somebody has ended. */
interface There {
  readonly snapback?: SessionState;
  left?: unknown;
}

/** The page of `url` when its machine is at the prompt. @throws Error when it does not come to that. */
export async function toPrompt(page: DrivenPage, url: string): Promise<void> {
  await page.goto(url);
  let said = '';
  await poll('the prompt', () =>
    whatIs(page, () => {
      const { snapback } = globalThis as unknown as There;
      const failed = snapback?.phase === 'failed' ? snapback.said : null;
      return { failed, found: { isThere: snapback?.phase === 'prompt', said: snapback?.said ?? '' } };
    }).then((now) => {
      said = now?.said ?? said;
      return now?.isThere === true || undefined;
    }),
  ).catch((cause: unknown) => {
    throw new Error(`${(cause as Error).message}; the page says: ${said}`, { cause });
  });
}

/** What `look` finds in the page. @throws Error when the page has failed. */
async function whatIs<Found>(
  page: DrivenPage,
  look: (argument: null) => { readonly failed: string | null; readonly found: Found | null },
): Promise<NonNullable<Found> | undefined> {
  const { failed, found } = await page.evaluate(look, null);
  if (failed !== null) throw new Error(`the page has failed: ${failed}`);
  return found || undefined;
}

/** Clicks, which begins a run or ends its pause. Answers its next pause, or its end. */
async function clickOn(page: DrivenPage, selector: string): Promise<Paused | Omit<RunEnd, 'parts'>> {
  await page.evaluate(() => {
    const there = globalThis as unknown as There;
    there.left = there.snapback?.paused;
  }, null);
  await page.click(selector);
  return poll(`what follows of ${selector}`, () =>
    whatIs<Paused | Omit<RunEnd, 'parts'>>(page, () => {
      const { snapback, left } = globalThis as unknown as There;
      const { phase, said, paused, report, session, refused } = snapback ?? {};
      const failed = phase === 'failed' ? (said ?? '') : (refused ?? null);
      if (paused && paused !== left)
        return { failed, found: { title: paused.at.title, additions: paused.possible.additions } };
      return { failed, found: report && session ? { report, session } : null };
    }),
  );
}

/** Steps through the scenario. At each pause, `choose` answers what to click; `#next` and the like. */
async function walk(page: DrivenPage, choose: (paused: Paused) => Promise<string>): Promise<RunEnd> {
  const parts: string[] = [];
  let now = await clickOn(page, '#step');
  while (!('report' in now)) {
    parts.push(now.title);
    now = await clickOn(page, await choose(now));
  }
  return { ...now, parts };
}

/** The whole round: snapshot, havoc, save, power off, resume, verify. The page is at its prompt. */
export async function clickRound(page: DrivenPage): Promise<RunEnd> {
  let isDone = false;
  return walk(page, ({ title }) => {
    if (isDone || title !== 'save the image') return Promise.resolve('#next');
    isDone = true;
    return Promise.resolve('#do-havoc');
  });
}

/** Does the fault as soon as the page offers it, and runs the rest. The page is at its prompt. @throws Error when it is not offered. */
export async function clickFault(page: DrivenPage, id: string): Promise<RunEnd> {
  let isDone = false;
  const end = await walk(page, async ({ additions }) => {
    if (isDone) return '#rest';
    if (!additions.some((one) => one.id === id)) return '#next';
    isDone = true;
    await page.click('#faults summary');
    return `#do-${id}`;
  });
  if (!isDone) throw new Error(`the page has not offered the fault ${id} at any of ${end.parts.join(', ')}`);
  return end;
}
