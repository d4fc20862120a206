// SPDX-License-Identifier: MIT
/** `snapback serve`: the page with the machine of a scenario, and of others that are chosen there, for browsers on this host. */
import { spawn } from 'node:child_process';
import { EXIT } from '../../emulator/machine/errors.js';
import { catalogueOf, lazyPages } from '../page/catalogue.js';
import { checkForBrowser } from '../page/scenario-page.js';
import { serveFiles, type PageServer } from '../page/server.js';
import { loadScenario } from '../run/scenario-file.js';
import { buildContext } from './build-context.js';
import type { CommandContext } from './context.js';
import { ensurePrerequisites } from './doctor.js';
import { standardScenario } from './run.js';

export interface ServeOptions {
  /** 0 means any free port. */
  readonly port: number;
  /** Show the page in the user's browser. */
  readonly open?: boolean;
}

export const DEFAULT_PORT = 8086;

/** Serves until the command is interrupted, which is its proper end. */
export async function serveCommand(
  file: string | undefined,
  { port, open }: ServeOptions,
  { signal }: CommandContext,
): Promise<number> {
  const { url, close } = await startServer(file, port, signal);
  try {
    console.log(`the machine is at ${url}; Ctrl-C ends it`);
    if (open === true) openInBrowser(url);
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  } finally {
    await close();
  }
  return EXIT.pass;
}

/**
 * Builds what is missing and starts the server.
 * @throws InputError when the scenario cannot be read or cannot be in a browser, or when the port cannot be had.
 */
export async function startServer(file: string | undefined, port: number, signal: AbortSignal): Promise<PageServer> {
  const loaded = await loadScenario(file ?? standardScenario());
  checkForBrowser(loaded);
  // A port that is in use should not cost the time of a build.
  const trial = await serveFiles(new Map(), port);
  await trial.close();
  const { context, progress } = buildContext(signal);
  try {
    await ensurePrerequisites(context);
    return await serveFiles(await lazyPages(loaded, await catalogueOf(), context, progress.clear), port);
  } finally {
    progress.clear();
  }
}

function openInBrowser(url: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(program, [url], { stdio: 'ignore', detached: true });
  child.on('error', ({ message }) =>
    console.error(`snapback: cannot open a browser: ${message}\n  what to do: open ${url} yourself`),
  );
  child.unref();
}
