// SPDX-License-Identifier: MIT
/** What is bundled, from where to where. `node esbuild.config.mjs` builds all of it into dist/ in well under a second. */
import { copyFile, mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, 'dist');
const common = { absWorkingDir: root, bundle: true, format: 'esm', target: 'es2023', sourcemap: 'linked', logLevel: 'warning' };
const node = { ...common, platform: 'node', packages: 'external', outExtension: { '.js': '.mjs' } };
const present = (entries) => Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(join(root, path))));

/** Bundles everything; throws when a source does not compile. */
export async function buildAll() {
  await mkdir(join(dist, 'browser'), { recursive: true });
  const nodeEntries = present({
    index: 'emulator/index.ts',
    cli: 'emulator/cli/main.ts',
    'machine-worker': 'emulator/engines/v86/host-node/worker-main.ts',
  });
  const browserEntries = present({
    page: 'emulator/host/browser/page.ts',
    'machine-worker': 'emulator/engines/v86/host-browser/worker-main.ts',
  });
  if (Object.keys(nodeEntries).length > 0) await build({ ...node, entryPoints: nodeEntries, outdir: dist });
  if (Object.keys(browserEntries).length > 0) {
    await build({ ...common, platform: 'browser', entryPoints: browserEntries, outdir: join(dist, 'browser') });
  }
  await copyFile(join(root, 'node_modules/v86/build/v86.wasm'), join(dist, 'v86.wasm'));
}

/** Bundles one TypeScript program of this repository and answers the path of the result, to be imported. */
export async function buildProgram(path) {
  const outfile = join(dist, 'run', path.replaceAll(/[^a-z0-9]+/gi, '-').replace(/-ts$/, '.mjs'));
  await build({ ...node, outExtension: {}, entryPoints: [path], outfile });
  return outfile;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
