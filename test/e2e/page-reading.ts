// SPDX-License-Identifier: MIT
/**
 * What a visitor of the page reads while a scenario is run: the verdict that grows, marks on the timeline, two consoles,
 * and what is there when the page is loaded again.
 */
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import type { PausedAt } from '../../emulator/cycle/steps/context.js';
import type { PageResults } from '../../emulator/host/browser/page.js';
import type { SessionState } from '../../emulator/host/browser/session/state.js';
import { OMISSIONS } from '../../emulator/verify/memory/account.js';
import { PAGE_FATES, type PageFate } from '../../emulator/verify/memory/fates.js';

interface Growing {
  readonly document: {
    getElementById(id: string): { readonly textContent: string } | null;
    readonly body: unknown;
  };
  readonly MutationObserver: new (onChange: () => void) => {
    observe(
      element: unknown,
      what: { readonly childList: true; readonly characterData: true; readonly subtree: true },
    ): void;
  };
  /** The texts so far, each once. */
  grown?: string[];
}

/** From now on the page keeps what the verdict is while it is worked out. */
export const recordGrowing = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const there = globalThis as unknown as Growing;
    const grown: string[] = [];
    there.grown = grown;
    new there.MutationObserver(() => {
      const text = there.document.getElementById('growing')?.textContent;
      if (text !== undefined && text !== grown.at(-1)) grown.push(text);
    }).observe(there.document.body, { childList: true, characterData: true, subtree: true });
  });

const rowsOf = (text: string): readonly string[] => text.split('\n').filter((line) => /^ {2}[a-z]/.test(line));

/** The rows came one after another, and are those of the verdict. */
export async function checkGrowing(t: Test, page: Page, verdict: string): Promise<void> {
  const grown = await page.evaluate(() => (globalThis as unknown as Growing).grown ?? []);
  const first = ['memory', 'image', 'disk'].map((label) =>
    grown.findIndex((text) => rowsOf(text).some((row) => row.startsWith(`  ${label} `))),
  );
  t.ok(
    first.every((at, index) => at >= 0 && at >= (first[index - 1] ?? 0)),
    `the rows of the proofs come one after another: ${first.join(', ')} of ${grown.length} texts`,
  );
  t.ok((first[0] ?? 0) < (first[2] ?? 0), 'that of the memory before that of the disks');
  const inTheEnd = new Set(rowsOf(verdict));
  // Its real time goes on.
  const others = rowsOf(grown.at(-1) ?? '').filter((row) => !row.startsWith('  run ') && !inTheEnd.has(row));
  t.same(others, [], 'and are those of the verdict');
}

interface Running {
  readonly snapback: PageResults;
  readonly setInterval: (look: () => void, ms: number) => number;
  /** At each look, what was known of the machine that ran. */
  ran?: { readonly machine: number; readonly writes: number }[];
}

/** From now on the page keeps how many writes were told while a machine ran. */
export const recordRunning = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const there = globalThis as unknown as Running;
    const ran: { readonly machine: number; readonly writes: number }[] = [];
    there.ran = ran;
    there.setInterval(() => {
      const { running } = there.snapback;
      if (running) ran.push({ machine: running.number, writes: running.writes.flat().length });
    }, 20);
  });

/** Writes of the first machine were told while it saved its image, and in the end the cycle has told all. */
export async function checkRunning(t: Test, page: Page): Promise<void> {
  const { ran, running } = await page.evaluate(() => {
    const { ran = [], snapback } = globalThis as unknown as Running;
    return { ran, running: snapback.running };
  });
  const most = Math.max(0, ...ran.filter(({ machine }) => machine === 1).map(({ writes }) => writes));
  t.ok(most > 0, `the disk map shows writes while a machine makes them: up to ${most} before they were told together`);
  t.equal(running, undefined, 'in the end all were told together');
}

/** The timeline shows where the run stands, and the places that it has been at. */
export async function checkMarks(t: Test, page: Page, places: readonly string[]): Promise<void> {
  t.same(await page.locator('#timeline .mark[data-kind=place]').allTextContents(), places, 'places on the timeline');
  t.same(await page.locator('#timeline [aria-current]').allTextContents(), ['now'], 'the present is in one place');
  t.equal(await page.locator('#timeline .track[data-kind=live] [aria-current]').count(), 1, 'in the live timeline');
  t.match(
    await page.getAttribute('#timeline .span[data-kind=copy]', 'title'),
    /^copy: [\d.]+ m?s, from [\d.]+ m?s on$/,
    'a step tells how long it has taken',
  );
}

/** After a resume, the console of the live timeline is beside that of the restored one. */
export async function checkConsoles(t: Test, page: Page): Promise<void> {
  const off = /System.halted/;
  await page.locator('#console-before .xterm-rows', { hasText: off }).waitFor();
  t.notMatch(await page.textContent('#console .xterm-rows'), off, 'the restored timeline has not powered off');
}

/** While the page is being loaded, there is nothing. */
interface Paused {
  readonly snapback?: PageResults;
}

/** A page that is loaded again goes on where the run has paused, until it is told to begin anew. */
export async function checkReload(t: Test, page: Page): Promise<void> {
  const paused = async (): Promise<PausedAt | undefined> => {
    const now = await page.waitForFunction(() => (globalThis as unknown as Paused).snapback?.paused?.at);
    return now.jsonValue();
  };
  const [at, text] = [await paused(), await page.inputValue('#scenario')];
  t.ok(at !== undefined && at.step > 0);
  await page.reload();
  t.same(await paused(), at, 'a page that is loaded again comes back to its pause');
  t.equal(await page.inputValue('#scenario'), text, 'with its scenario');
  await page.keyboard.press('0');
  await page.waitForFunction(() => (globalThis as unknown as Paused).snapback?.phase === 'prompt');
  t.match(await page.textContent('#status'), /^at the prompt: /, 'and to the prompt, by a button');
}

/** The memory map shows what became of each page. Returns how many are preserved in place, written ones included. */
export async function checkFates(t: Test, page: Page): Promise<number> {
  // Without the focus: the page is used by keys.
  const press = (): Promise<void> =>
    page.evaluate(() => {
      (globalThis as unknown as { document: { getElementById(id: string): { click(): void } } }).document
        .getElementById('by-fate')
        .click();
    });
  await press();
  const rows = await page.locator('#memory .legend tr').evaluateAll((rows) =>
    rows.map((row) => {
      const { dataset, textContent } = row as unknown as {
        readonly dataset: { readonly kind: string };
        readonly textContent: string;
      };
      return [dataset.kind, Number(/[0-9]+$/.exec(textContent)?.[0])] as const;
    }),
  );
  const counts = Object.fromEntries(rows);
  t.equal(
    rows.reduce((sum, [, count]) => sum + count, 0),
    65_536,
    'each page has a fate',
  );
  t.equal(counts['differing'], 0);
  for (const fate of ['copied', 'zeros', 'preserved', 'written', 'held', 'free', 'left'])
    t.ok((counts[fate] ?? 0) > 0, `${counts[fate]} ${fate}`);
  for (const fate of ['free', 'held', 'left', 'copied'] as const) {
    const why = /not in the image: (.+?)At the snapshot, and now:/.exec(await pageOf(page, fate))?.[1];
    if (fate === 'copied') t.equal(why, undefined, 'a page that was copied is in the image');
    else t.ok(why !== undefined && REASONS.has(why), `a page that is ${fate} is not in the image: ${why}`);
  }
  await press();
  return (counts['preserved'] ?? 0) + (counts['written'] ?? 0);
}

const REASONS: ReadonlySet<string> = new Set(Object.values(OMISSIONS));

interface Asking {
  readonly snapback: PageResults & Pick<SessionState, 'page'>;
  readonly Event: new (kind: 'change', options: { readonly bubbles: true }) => object;
  readonly document: { getElementById(id: string): Field | null };
}
interface Field {
  value: string;
  readonly textContent: string;
  dispatchEvent(event: object): void;
}

/** What the page tells of the first frame with this fate that it has not told of last. */
async function pageOf(page: Page, fate: PageFate): Promise<string> {
  // Without the focus, too.
  const asked = await page.evaluate((number) => {
    const { snapback, document, Event } = globalThis as unknown as Asking;
    const frame = snapback.memory?.fates?.findIndex((one, at) => one === number && at !== snapback.page?.frame) ?? -1;
    const field = document.getElementById('frame');
    if (!field || frame < 0) throw new Error('there is no such page to be asked for');
    field.value = String(frame);
    field.dispatchEvent(new Event('change', { bubbles: true }));
    return frame;
  }, PAGE_FATES.indexOf(fate));
  const told = await page.waitForFunction((frame) => {
    const text = (globalThis as unknown as Asking).document.getElementById('page')?.textContent ?? '';
    return text.startsWith(`Page frame ${frame} at `) && text;
  }, asked);
  return String(await told.jsonValue());
}
