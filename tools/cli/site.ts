// SPDX-License-Identifier: MIT
/** `snapback site`: the page with the machines of scenarios, as files for any web server. */
import { snapbackVersion } from '../../emulator/host/node/versions.js';
import { EXIT } from '../../emulator/machine/errors.js';
import { catalogueOf, chosenOf, wholePages } from '../page/catalogue.js';
import { checkForBrowser } from '../page/scenario-page.js';
import { checkSiteFolder, writeSite } from '../page/site.js';
import { loadScenario } from '../run/scenario-file.js';
import { buildContext } from './build-context.js';
import type { CommandContext } from './context.js';
import { ensurePrerequisites } from './doctor.js';
import { standardScenario } from './run.js';

export interface SiteOptions {
  /** Names of scenarios whose machines are to be in the site, too, or `all`. */
  readonly scenarios?: readonly string[];
}

export async function siteCommand(
  dir: string,
  file: string | undefined,
  { scenarios }: SiteOptions,
  { signal }: CommandContext,
): Promise<number> {
  await checkSiteFolder(dir);
  const loaded = await loadScenario(file ?? standardScenario());
  checkForBrowser(loaded);
  const others = chosenOf(await catalogueOf(), loaded, scenarios);
  const { context, progress } = buildContext(signal);
  try {
    await ensurePrerequisites(context);
    const page = await wholePages(loaded, others, context);
    signal.throwIfAborted();
    const { files } = await writeSite(dir, page, snapbackVersion());
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    progress.clear();
    console.log(
      `${dir}: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, ` +
        `${others.length} scenarios to choose. Any web server can deliver them.`,
    );
  } finally {
    progress.clear();
  }
  return EXIT.pass;
}
