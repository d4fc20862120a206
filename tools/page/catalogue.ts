// SPDX-License-Identifier: MIT
/** The scenarios that a visitor of the page can choose, and the pages with them. */
import { basename, extname, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { descriptionPath, type ScenarioListed } from '../../emulator/host/browser/storage/scenario-list.js';
import { InputError } from '../../emulator/machine/errors.js';
import { loadScenario, type LoadedScenario } from '../run/scenario-file.js';
import { scenarioNames, scenarioPath } from '../run/scenario-names.js';
import type { PageFile, PageFiles } from './files.js';
import { growingPage, type PageContent } from './machine-files.js';
import { checkForBrowser, pageContent, unfitForBrowser } from './scenario-page.js';
import type { ServedFiles } from './server.js';

/** A scenario with its name in the list. */
export interface Catalogued {
  readonly name: string;
  readonly loaded: LoadedScenario;
}

/** Makes the machine of a scenario. */
type Make = (loaded: LoadedScenario, context: BuildContext) => Promise<PageContent>;

/**
 * The scenarios in `files`, by default all that come with Snapback. Nothing is built.
 * @throws InputError when one of them is not valid.
 */
export const catalogueOf = (
  files: readonly string[] = scenarioNames().map((name) => relative(process.cwd(), scenarioPath(name))),
): Promise<readonly Catalogued[]> =>
  Promise.all(files.map(async (file) => ({ name: basename(file, extname(file)), loaded: await loadScenario(file) })));

/** What visitors are told of them. */
export const listOf = (catalogue: readonly Catalogued[]): readonly ScenarioListed[] =>
  catalogue.map(({ name, loaded }) => {
    const unfit = unfitForBrowser(loaded);
    const { memoryMiB } = loaded.plan.machine;
    return { name, about: aboutOf(loaded.text), memoryMiB, ...(unfit && { unfit: unfit.why }) };
  });

/** The first comment of a scenario file behind its licence, on one line; empty when there is none. */
export function aboutOf(text: string): string {
  const lines = text.split('\n').filter((line) => !line.startsWith('# SPDX-'));
  const first = lines.findIndex((line) => line.trim() !== '');
  const comment = lines.slice(Math.max(first, 0));
  const end = comment.findIndex((line) => !line.startsWith('#'));
  return comment
    .slice(0, end < 0 ? undefined : end)
    .map((line) => line.replace(/^# ?/, '').trim())
    .join(' ');
}

/**
 * The page with the machine of `first`. The machine of a scenario of the catalogue is made when somebody wants it, one after
 * another, and is kept. One that could not be made is tried again when it is wanted again.
 * @param onRest called when no machine is being made any more.
 * @throws InputError when the machine of `first` cannot be in a browser, RigError when something cannot be built.
 */
export async function lazyPages(
  first: LoadedScenario,
  catalogue: readonly Catalogued[],
  context: BuildContext,
  onRest: () => void = () => undefined,
  make: Make = pageContent,
): Promise<ServedFiles> {
  const page = await growingPage(listOf(catalogue));
  let doing = '';
  const progress = (what: string): void => {
    doing = what;
    context.progress(what);
  };
  const add = async (loaded: LoadedScenario, name: string | undefined): Promise<void> => {
    progress(`preparing the machine of ${name ?? loaded.file}`);
    const content = await make(loaded, { ...context, progress });
    progress('compressing the files of the page');
    await page.add(content, name);
  };
  await add(first, undefined);
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const addInTurn = ({ name, loaded }: Catalogued): Promise<void> => {
    waiting++;
    const added = last.then(() => add(loaded, name));
    last = added
      .catch(() => undefined)
      .then(() => {
        waiting--;
        if (waiting === 0) onRest();
      });
    return added;
  };
  const lazy = new Map<string, PageFile>();
  for (const one of catalogue) {
    if (unfitForBrowser(one.loaded)) continue;
    const path = descriptionPath(one.name);
    let added: Promise<void> | undefined;
    lazy.set(path, async () => {
      added ??= addInTurn(one);
      try {
        await added;
      } catch (error) {
        added = undefined;
        throw error;
      }
      return page.files.get(path) as Uint8Array;
    });
  }
  return { get: (path) => lazy.get(path) ?? page.files.get(path), doing: () => doing };
}

/**
 * The page with `first` and `others`, whose machines are made now.
 * @throws as {@link lazyPages}.
 */
export async function wholePages(
  first: LoadedScenario,
  others: readonly Catalogued[],
  context: BuildContext,
  make: Make = pageContent,
): Promise<PageFiles> {
  const page = await growingPage(listOf(others));
  await page.add(await make(first, context), undefined);
  for (const [index, { name, loaded }] of others.entries()) {
    context.signal.throwIfAborted();
    context.progress(`${name}, ${index + 1} of ${others.length} scenarios`);
    await page.add(await make(loaded, context), name);
  }
  return page.files;
}

/**
 * Those that a site gets: of `wanted`, or, without that, those whose machine is that of `first`, so that they need little more.
 * @param wanted names, or `all` for all whose machines can be in a browser.
 * @throws InputError when there is no such scenario, or when its machine cannot be in a browser.
 */
export function chosenOf(
  catalogue: readonly Catalogued[],
  first: LoadedScenario,
  wanted: readonly string[] | undefined,
): readonly Catalogued[] {
  const possible = catalogue.filter(({ loaded }) => !unfitForBrowser(loaded));
  if (wanted?.includes('all')) return possible;
  const found = (wanted ?? []).map((name) => {
    const one = catalogue.find((listed) => listed.name === name);
    if (!one)
      throw new InputError(`there is no scenario ${name}`, {
        remedy: 'name scenarios of test/scenarios without `.yaml`, or `all`',
      });
    checkForBrowser(one.loaded);
    return one;
  });
  return possible.filter((one) => found.includes(one) || hasSameMachine(one.loaded, first));
}

/** Whether two scenarios run on the same machine, as far as that can be said without making it. */
const hasSameMachine = (one: LoadedScenario, other: LoadedScenario): boolean =>
  isDeepStrictEqual([one.plan.machine, one.scenario.disks], [other.plan.machine, other.scenario.disks]);
