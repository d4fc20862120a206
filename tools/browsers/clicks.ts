// SPDX-License-Identifier: MIT
/** What somebody does on the page with a mouse: the whole round of a scenario, what can be done at its pauses, and ways back. */
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
  /** Virtual time of its machine, if it stands within a part. */
  readonly insideMs: number | null;
}

/** What there was before something was done, which is not what follows of it. */
type Left = Partial<Pick<SessionState, 'paused' | 'report'>>;

/** What the code that runs in the page finds there. */
interface There {
  readonly snapback?: SessionState;
  left?: Left | undefined;
  readonly document: { querySelector(selector: string): Found | null };
  readonly Event: new (type: string, options: { readonly bubbles: true }) => unknown;
}
interface Found {
  readonly href: string;
  readonly textContent: string;
  value: string;
  readonly min: string;
  readonly max: string;
  dispatchEvent(event: unknown): void;
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
  await leave(page);
  await page.click(selector);
  return follows(page, selector);
}

/** What the page shows now is not what follows. */
const leave = (page: DrivenPage): Promise<void> =>
  page.evaluate(() => {
    const there = globalThis as unknown as There;
    const { paused, report } = there.snapback ?? {};
    there.left = { paused, report };
  }, null);

/** The next pause of the run, or its end. `what` was done, for the error. */
const follows = (page: DrivenPage, what: string): Promise<Paused | Omit<RunEnd, 'parts'>> =>
  poll(`what follows of ${what}`, () =>
    whatIs<Paused | Omit<RunEnd, 'parts'>>(page, () => {
      const { snapback, left } = globalThis as unknown as There;
      const { phase, said, paused, report, session, refused } = snapback ?? {};
      const failed = phase === 'failed' ? (said ?? '') : (refused ?? null);
      if (paused && paused !== left?.paused) {
        const { at, possible, inside } = paused;
        return {
          failed,
          found: { title: at.title, additions: possible.additions, insideMs: inside?.virtualMs ?? null },
        };
      }
      return { failed, found: report && report !== left?.report && session ? { report, session } : null };
    }),
  );

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

/**
 * Does one thing after another of what the page offers, each as soon as it is offered, and runs the rest. The page is at its prompt.
 * @throws Error when one is not offered.
 */
export async function clickActions(page: DrivenPage, ids: readonly string[]): Promise<RunEnd> {
  const left = [...ids];
  const end = await walk(page, async ({ additions }) => {
    const [id] = left;
    if (id === undefined) return '#rest';
    const offered = additions.find((one) => one.id === id);
    if (!offered) return '#next';
    left.shift();
    if (offered.isFault) await page.click('#faults summary');
    return `#do-${id}`;
  });
  if (left[0] !== undefined) throw new Error(`the page has not offered '${left[0]}' at any of ${end.parts.join(', ')}`);
  return end;
}

/** Changes how long the machine is off as soon as the page has a field for that, and runs the rest. The page is at its prompt. */
export async function clickOffTime(page: DrivenPage, offTime: string): Promise<RunEnd> {
  let isDone = false;
  return walk(page, async () => {
    if (isDone) return '#rest';
    isDone = await fill(page, '#off-time', offTime);
    return isDone ? '#set-off-time' : '#next';
  });
}

/** Goes back from the end of the run to an instant in the middle of it, and on to the end. */
export async function clickInstant(page: DrivenPage): Promise<RunEnd> {
  const end = await clickRound(page);
  await toMiddle(page);
  const there = await clickOn(page, '#go-run-instant');
  if (!('title' in there) || there.insideMs === null) throw new Error('the run does not stand at the instant');
  return { ...(await clickToEnd(page)), parts: end.parts };
}

/** Loads the page again when the run has paused at its third place, and runs the rest. The page is at its prompt. */
export async function clickReload(page: DrivenPage): Promise<RunEnd> {
  const parts: string[] = [];
  for (const selector of ['#step', '#next', '#next']) {
    const paused = await clickOn(page, selector);
    if ('title' in paused) parts.push(paused.title);
  }
  await page.evaluate(() => {
    // Where it is there no longer, the page has been loaded again.
    (globalThis as unknown as There).left = {};
    (globalThis as unknown as { readonly location: { reload(): void } }).location.reload();
  }, null);
  await poll('the page, loaded again', () =>
    page
      .evaluate(() => (globalThis as unknown as There).left === undefined || null, null)
      .then(
        (isThere) => isThere ?? undefined,
        // It is being loaded.
        () => undefined,
      ),
  );
  const again = await follows(page, 'loading the page again');
  const title = 'title' in again ? again.title : 'the end';
  if (title !== parts.at(-1))
    throw new Error(`the page that is loaded again is at '${title}', not at '${parts.join(', ')}'`);
  return { ...(await clickToEnd(page)), parts };
}

/** Runs the scenario, and opens its link in another page, which runs it again. Answers that of the link. */
export async function clickLink(page: DrivenPage, url: string, newPage: () => Promise<DrivenPage>): Promise<RunEnd> {
  await clickOn(page, '#run');
  const link = await page.evaluate(
    () => (globalThis as unknown as There).document.querySelector('#session-link')?.href,
    null,
  );
  if (link === undefined) throw new Error('the page has no link to its run');
  const other = await newPage();
  try {
    await toPrompt(other, new URL(link, url).href);
    const end = await clickOn(other, '#run');
    if (!('report' in end)) throw new Error('the run of the link has paused');
    const said = await other.evaluate(
      () => (globalThis as unknown as There).document.querySelector('#same')?.textContent ?? '',
      null,
    );
    if (said !== 'This is the state of the link.') throw new Error(`the page says of the link: '${said}'`);
    return { ...end, parts: [] };
  } finally {
    await other.close();
  }
}

/** The run has paused. */
async function clickToEnd(page: DrivenPage): Promise<Omit<RunEnd, 'parts'>> {
  const end = await clickOn(page, '#rest');
  if (!('report' in end)) throw new Error(`the run has paused again, at '${end.title}'`);
  return end;
}

/** Whether there is such a field; it has that text then. */
const fill = (page: DrivenPage, selector: string, text: string): Promise<boolean> =>
  page.evaluate(
    ({ selector, text }) => {
      const field = (globalThis as unknown as There).document.querySelector(selector);
      if (!field) return false;
      field.value = text;
      return true;
    },
    { selector, text },
  );

/** Moves the slider of the instants of a run to its middle. */
const toMiddle = (page: DrivenPage): Promise<void> =>
  page.evaluate(() => {
    const { document, Event } = globalThis as unknown as There;
    const slider = document.querySelector('#run-instant');
    if (!slider) throw new Error('the page has no slider for instants of the run');
    slider.value = String(Math.round((Number(slider.min) + Number(slider.max)) / 2));
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }, null);
