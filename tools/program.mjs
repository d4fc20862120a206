// SPDX-License-Identifier: MIT
/** What `npm run bench` and `npm run soak` share: set up what is missing, bundle a program of the sources, run it. */
import { pathToFileURL } from 'node:url';
import { SetupError, setUp } from './setup.mjs';

/** Runs the TypeScript program at `path` with this process's arguments; ends the process with status 3 when it cannot be bundled. */
export async function runProgram(path) {
  let bundle;
  try {
    await setUp();
    const { buildProgram } = await import('../esbuild.config.mjs');
    bundle = await buildProgram(path);
  } catch (error) {
    console.error(
      `snapback: ${error instanceof SetupError ? error.message : `cannot bundle the sources: ${error.message}`}`,
    );
    process.exit(3);
  }
  await import(pathToFileURL(bundle).href);
}
