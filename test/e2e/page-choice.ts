// SPDX-License-Identifier: MIT
/** Another scenario is chosen on the page, whose server makes its machine then, and stepped through to its end. */
import type { BrowserContext } from 'playwright-core';
import type { Test } from 'tap';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import type { SessionState } from '../../emulator/host/browser/session/state.js';
import type { Report } from '../../emulator/report/model.js';
import { scenarioOfLink } from '../../emulator/scenario/session-file.js';
import { HOST_MS_MAX } from '../../tools/browsers/driven-page.js';
import { catalogueOf, lazyPages } from '../../tools/page/catalogue.js';
import { serveFiles } from '../../tools/page/server.js';
import { runScenario } from '../../tools/run/run-scenario.js';
import { loadScenario, type LoadedScenario } from '../../tools/run/scenario-file.js';
import { scenarioPath } from '../../tools/run/scenario-names.js';
import { checkAccess } from './page-access.js';
import { pictureOfViews } from './page-pictures.js';

/** Its machine is that of the page's own scenario, so that nothing more is built. */
const CHOSEN = 'rollback-short';

/** While the page is being loaded, there is nothing. */
interface There {
  readonly snapback?: Pick<SessionState, 'phase' | 'said' | 'paused' | 'report'>;
}

/** `own`: the scenario with which the page is served. */
export async function checkChoice(
  t: Test,
  browser: BrowserContext,
  own: LoadedScenario,
  context: BuildContext,
): Promise<void> {
  const chosen = await loadScenario(scenarioPath(CHOSEN));
  const inNode = runScenario(chosen, context, { say: () => undefined });
  inNode.catch(() => undefined);
  const server = await serveFiles(await lazyPages(own, await catalogueOf(), context), 0);
  const page = await browser.newPage();
  page.setDefaultTimeout(HOST_MS_MAX);
  try {
    await page.goto(server.url);
    await page.waitForSelector('#choose');
    t.equal(await page.inputValue('#choose'), '', 'the page begins with its own scenario');
    t.ok((await page.locator('#choose option:not([disabled])').count()) > 50, 'and there are many others');
    t.ok((await page.locator('#choose optgroup option[disabled]').count()) > 0, 'some of which a browser cannot run');
    await page.selectOption('#choose', CHOSEN);
    t.match(await page.textContent('#about'), /snapshot\(2\)/, 'a scenario says what it is about');
    await page.click('#open');
    const atPrompt = page.waitForFunction((text) => {
      const { snapback, document } = globalThis as unknown as There & {
        readonly document: { getElementById(id: string): { readonly value: string } | null };
      };
      if (snapback?.phase === 'failed') throw new Error(snapback.said);
      return snapback?.phase === 'prompt' && document.getElementById('scenario')?.value === text;
    }, chosen.text);
    await atPrompt;
    t.equal(scenarioOfLink(new URL(page.url()).hash), CHOSEN, 'the address names it');
    await page.waitForSelector('#choose');
    t.equal(await page.inputValue('#choose'), CHOSEN, 'and so does the list');
    await pictureOfViews(t, page, 'choice', ['choice']);
    await checkAccess(t, page, 'at the prompt of a scenario that was chosen');

    await page.click('#step');
    const parts: string[] = [];
    for (;;) {
      const now = await page.waitForFunction((before) => {
        const { phase, said, paused, report } = (globalThis as unknown as Required<There>).snapback;
        if (phase === 'failed') throw new Error(said);
        const title = paused?.at.title;
        return report !== undefined ? { report } : title !== undefined && title !== before && { title };
      }, parts.at(-1));
      const { title, report } = (await now.jsonValue()) as { readonly title?: string; readonly report?: Report };
      if (title !== undefined) {
        parts.push(title);
        await page.click('#next');
        continue;
      }
      const { report: there } = await inNode;
      t.equal(report?.verdict, 'pass', `it is stepped through: ${parts.join(', ')}`);
      t.equal(report?.stateHash, there.stateHash, 'and ends in the state that it has in Node');
      break;
    }
    t.ok(parts.length >= 4);
    const link = (await page.getAttribute('#session-link', 'href')) ?? '';
    t.equal(scenarioOfLink(link), CHOSEN, 'the link to the run names it, too');
  } finally {
    await page.close();
    await server.close();
  }
}
