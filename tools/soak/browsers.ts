// SPDX-License-Identifier: MIT
/** The page in browsers: the whole round, ways back, and what can be done at its pauses, with what Node makes of the same. */
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { FAULT_IDS } from '../../emulator/host/browser/session/additions.js';
import type { Report } from '../../emulator/report/model.js';
import { SESSION_NAME, sessionText, type SessionFile } from '../../emulator/scenario/session-file.js';
import { drivenChromium } from '../browsers/chromium.js';
import {
  clickActions,
  clickInstant,
  clickLink,
  clickOffTime,
  clickReload,
  clickRound,
  toPrompt,
  type RunEnd,
} from '../browsers/clicks.js';
import type { DrivenBrowser, DrivenPage } from '../browsers/driven-page.js';
import { openFirefox } from '../browsers/firefox.js';
import { loadSession, sessionDifferences } from '../cli/replay-session.js';
import { scenarioPage } from '../page/scenario-page.js';
import { serveFiles } from '../page/server.js';
import { runScenario } from '../run/run-scenario.js';
import { loadScenario } from '../run/scenario-file.js';
import { notNamed } from './faults.js';

export const BROWSERS = { chromium: drivenChromium, firefox: openFirefox } as const;
export type BrowserName = keyof typeof BROWSERS;

/** Short, with all steps of the round. */
const SCENARIO = packagePath('test', 'e2e', 'fixtures', 'in-browser.yaml');

/** The outcome of one thing that was done in a browser. */
export interface BrowserResult {
  /** `chromium: round`, `firefox: fault skipPage`. */
  readonly title: string;
  /** Lines about what went wrong. Empty when all was well. */
  readonly wrong: readonly string[];
}

interface Case {
  readonly name: string;
  /** `newPage`: another one of the same browser, which is closed by whoever opens it. */
  readonly act: (page: DrivenPage, url: string, newPage: () => Promise<DrivenPage>) => Promise<RunEnd>;
  /** Lines about what is wrong with it. */
  readonly judge: (end: RunEnd) => readonly string[];
}

const OFF_TIME = '3 h';

const linesOf = (failures: Report['failures']): readonly string[] =>
  failures.map(({ kind, what }) => `${kind}: ${what}`);

const passes = ({ report: { verdict, failures } }: RunEnd): readonly string[] =>
  verdict === 'pass' ? [] : linesOf(failures);

/** After a cut or a boot, what a command before has left in memory is gone, so that a later command of the scenario can fail. */
const failsNoProof = ({ report: { failures } }: RunEnd): readonly string[] =>
  linesOf(failures.filter(({ kind }) => kind !== 'command'));

/** What is done one after another, in a run each, and what is to come of that. */
const ACTIONS: readonly (readonly [ids: readonly string[], judge: Case['judge']])[] = [
  [['rollbackLater', 'commitLater', 'snapshot'], passes],
  [['rollback'], passes],
  [['commit'], failsNoProof],
  [['cutPower', 'cutAtWrite', 'shutdown'], failsNoProof],
  [['boot'], passes],
];

const CASES: readonly Case[] = [
  { name: 'round', act: clickRound, judge: passes },
  { name: 'an instant, and on', act: clickInstant, judge: passes },
  { name: 'loaded again', act: clickReload, judge: passes },
  { name: 'link', act: clickLink, judge: passes },
  {
    name: `off for ${OFF_TIME}`,
    act: (page) => clickOffTime(page, OFF_TIME),
    judge: (end) => [
      ...passes(end),
      ...(end.session.scenario.includes(`offTime: ${OFF_TIME}`) ? [] : ['the off-time of the scenario is another one']),
    ],
  },
  ...ACTIONS.map(([ids, judge]) => ({
    name: ids.join(', '),
    act: (page: DrivenPage) => clickActions(page, ids),
    judge,
  })),
  ...FAULT_IDS.map((id) => ({
    name: `fault ${id}`,
    act: (page: DrivenPage) => clickActions(page, [id]),
    judge: ({ report }: RunEnd) => notNamed(id, report),
  })),
];

/** Does everything in each of the browsers. @throws RigError, InputError when that cannot be begun. */
export async function* inBrowsers(
  names: readonly BrowserName[],
  context: BuildContext,
): AsyncGenerator<BrowserResult & { readonly version: string }> {
  const server = await serveFiles(await scenarioPage(await loadScenario(SCENARIO), context), 0);
  const inNode = new Map<string, Promise<Report>>();
  /** Browsers that do the same are compared with the same run. */
  const repeated = (session: SessionFile): Promise<Report> => {
    const run =
      inNode.get(session.scenario) ??
      loadSession(SESSION_NAME, sessionText(session)).then(async ({ loaded }) => {
        const { report } = await runScenario(loaded, context, { say: () => undefined });
        return report;
      });
    inNode.set(session.scenario, run);
    return run;
  };
  try {
    for (const name of names) {
      const browser = await BROWSERS[name]();
      const { version } = browser;
      try {
        for (const one of CASES) {
          const wrong = await wrongIn(one, browser, server.url, repeated).catch((error: unknown) => {
            context.signal.throwIfAborted();
            return [error instanceof Error ? error.message : String(error)];
          });
          yield { title: `${name}: ${one.name}`, version, wrong };
        }
      } finally {
        await browser.close();
      }
    }
  } finally {
    await server.close();
  }
}

async function wrongIn(
  { act, judge }: Case,
  browser: DrivenBrowser,
  url: string,
  repeated: (session: SessionFile) => Promise<Report>,
): Promise<readonly string[]> {
  const page = await browser.newPage();
  try {
    await toPrompt(page, url);
    const end = await act(page, url, () => browser.newPage());
    return [...judge(end), ...sessionDifferences(end.session, await repeated(end.session))];
  } finally {
    // A machine less for the next one.
    await page.close();
  }
}
