// SPDX-License-Identifier: MIT
/** What is bundled, from where to where. `node esbuild.config.mjs` builds all of it into dist/ in well under a second. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(import.meta.url);
// Upwards, since programs that build (a server, a test) carry a copy of this file in their own bundle.
const root = findRoot(dirname(here));
const dist = join(root, 'dist');
const common = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  target: 'es2023',
  sourcemap: 'linked',
  logLevel: 'warning',
  write: false,
  // Not the file: its paths lead to types, which are no programs.
  tsconfigRaw: { compilerOptions: { jsx: 'react-jsx', jsxImportSource: 'preact', verbatimModuleSyntax: true } },
};
const node = { ...common, platform: 'node', packages: 'external', outExtension: { '.js': '.mjs' } };
const browser = { ...common, platform: 'browser', minify: true };
const present = (entries) =>
  Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(join(root, path))));

/** Bundles everything; throws when a source does not compile. */
export async function buildAll() {
  await buildWorkers();
  await bundle({
    ...node,
    plugins: [cellDigest, coreDigest],
    entryPoints: present({ index: 'tools/library.ts', cli: 'tools/cli/main.ts' }),
    outdir: dist,
  });
  await buildPage();
  await buildReportPage();
}

/** The programs of machine workers, for Node and browsers, and the wasm they run. */
export async function buildWorkers() {
  const ofHost = (host) => ({ 'machine-worker': `emulator/engines/v86/host-${host}/worker-main.ts` });
  await bundle({ ...node, entryPoints: ofHost('node'), outdir: dist });
  // v86 asks for these only where the browser's own are missing.
  await bundle({
    ...browser,
    entryPoints: ofHost('browser'),
    outdir: join(dist, 'browser'),
    external: ['node:*', 'crypto', 'fs', 'perf_hooks'],
  });
  const wasm = await readFile(join(root, 'node_modules/v86/build/v86.wasm'));
  await place(join(dist, 'v86.wasm'), wasm);
  await place(join(dist, 'browser/v86.wasm'), wasm);
}

/** Folder of what programs of the page load later. */
const PARTS = 'parts';

/** The page that shows a machine in a browser. */
export async function buildPage() {
  const outdir = join(dist, 'browser');
  const entryPoints = present({
    page: 'emulator/host/browser/page.tsx',
    'session-worker': 'emulator/host/browser/session/worker-main.ts',
    'paint-worker': 'emulator/host/browser/views/paint-worker.ts',
  });
  const outputs = await bundle({
    ...browser,
    entryPoints,
    outdir,
    loader: { '.css': 'css' },
    // What is imported when it is needed is loaded then.
    splitting: true,
    chunkNames: `${PARTS}/[name]-[hash]`,
  });
  await removeOld(join(outdir, PARTS), outputs);
  for (const name of ['index.html', 'start.js']) {
    const path = join(root, 'emulator/host/browser', name);
    if (existsSync(path)) await place(join(outdir, name), await readFile(path));
  }
}

/** What the benchmark runs in its page. */
export async function buildBenchPage() {
  const entryPoints = { 'bench-boot': 'tools/bench/page/in-chromium.ts' };
  await bundle({ ...browser, sourcemap: false, entryPoints, outdir: join(dist, 'browser') });
}

/** What renders a report as a page, and its styles. Preact is in it, because an installed package does not have it. */
export async function buildReportPage() {
  const entryPoints = present({ 'report-page': 'emulator/host/browser/report/validation-page.tsx' });
  await bundle({ ...node, packages: 'bundle', entryPoints, outdir: dist });
  const styles = present({ 'report-page': 'emulator/host/browser/page.css' });
  await bundle({ ...browser, sourcemap: false, entryPoints: styles, outdir: join(dist, 'browser') });
}

/** Gives the code that runs a cell a digest of itself and of all that it imports. Comments do not count. */
const cellDigest = {
  name: 'cell-digest',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]tools[\\/]run[\\/]cell\.ts$/ }, async ({ path }) => {
      const options = { ...node, define: { CELL_DIGEST: '""' }, minify: true, sourcemap: false };
      const { outputFiles } = await build({ ...options, entryPoints: [path], outdir: dist });
      const hash = createHash('sha256');
      for (const { contents } of outputFiles) hash.update(contents);
      // At the end, so that no line of the source moves.
      const contents = `${await readFile(path, 'utf8')}\nconst CELL_DIGEST = '${hash.digest('hex')}';\n`;
      return { contents, loader: 'ts' };
    });
  },
};

/** The code that decides what a machine does, whatever its host: what the rig adds to v86, the boot, and the way to the prompt. */
const CORE = [
  'emulator/engines/v86/serve.ts',
  'emulator/engines/v86/remote-engine.ts',
  'emulator/cycle/boot.ts',
  'emulator/host/browser/session/prompt.ts',
];
let coreHash;

/** Answers a digest of {@link CORE} and of v86. Comments do not count. It is the same in every program of a version. */
async function hashCore() {
  const entryPoints = CORE.map((path) => join(root, path));
  const options = { ...node, minify: true, sourcemap: false, entryPoints, outdir: dist };
  const { outputFiles } = await build(options);
  const hash = createHash('sha256');
  for (const { contents } of outputFiles) hash.update(contents);
  for (const name of ['libv86.mjs', 'v86.wasm'])
    hash.update(await readFile(join(root, 'node_modules/v86/build', name)));
  return hash.digest('hex');
}

/** Gives programs for Node the digest of the core. */
const coreDigest = {
  name: 'core-digest',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]host[\\/]node[\\/]core-digest\.ts$/ }, async ({ path }) => {
      const contents = `${await readFile(path, 'utf8')}\nconst CORE_DIGEST = '${await (coreHash ??= hashCore())}';\n`;
      return { contents, loader: 'ts' };
    });
  },
};

/** Bundles one TypeScript program of this repository, with the workers it may start, and answers the path of the result, to be imported. */
export async function buildProgram(path) {
  const outfile = join(dist, 'run', path.replaceAll(/[^a-z0-9]+/gi, '-').replace(/-ts$/, '.mjs'));
  await buildWorkers();
  await bundle({ ...node, plugins: [cellDigest, coreDigest], outExtension: {}, entryPoints: [path], outfile });
  return outfile;
}

/** Bundles the programs under `test/` that are named, each to the same place under `dist/`. What they share is bundled once. */
export async function buildTests(paths) {
  const outdir = join(dist, 'test');
  await buildTap(join(outdir, 'node_modules'));
  const outputs = await bundle({
    ...node,
    plugins: [cellDigest, coreDigest],
    entryPoints: paths,
    outdir,
    outbase: join(root, 'test'),
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
  });
  await removeOld(join(outdir, 'parts'), outputs);
}

/**
 * Bundles tap into the folder `modules`, where the bundled tests find it first. Node needs half as long for one file as for the 260 of
 * which it is made. tap shows no frames of files below `node_modules/@tapjs`.
 */
async function buildTap(modules) {
  await bundle({
    ...node,
    packages: 'bundle',
    outExtension: {},
    sourcemap: false,
    minifyWhitespace: true,
    entryPoints: ['tap'],
    outfile: join(modules, '@tapjs/all.mjs'),
    // Some of its packages are CommonJS.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
  });
  const files = {
    'package.json': '{ "type": "module", "exports": "./index.mjs" }\n',
    'index.mjs': "export * from '../@tapjs/all.mjs';\nexport { default } from '../@tapjs/all.mjs';\n",
  };
  for (const [name, text] of Object.entries(files)) await place(join(modules, 'tap', name), Buffer.from(text));
}

/** Removes files that are not among `present`. Those of the last hour stay: another test run may be about to load them. */
async function removeOld(dir, present) {
  for (const name of await readdir(dir).catch(() => [])) {
    const path = join(dir, name);
    if (present.includes(path)) continue;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > 3_600_000) await rm(path, { force: true });
  }
}

/** Answers the paths of what it has bundled. */
async function bundle(options) {
  if (
    Array.isArray(options.entryPoints)
      ? options.entryPoints.length === 0
      : Object.keys(options.entryPoints).length === 0
  )
    return [];
  const { outputFiles } = await build(options);
  await Promise.all(outputFiles.map(({ path, contents }) => place(path, contents)));
  return outputFiles.map(({ path }) => path);
}

/** Writes only what has changed, and in one step: another process may be reading it. */
async function place(path, contents) {
  const old = await readFile(path).catch(() => undefined);
  if (old?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, contents);
  await rename(partial, path);
}

function findRoot(from) {
  return existsSync(join(from, 'package.json')) || from === dirname(from) ? from : findRoot(dirname(from));
}

if (process.argv[1] === here && here.endsWith('esbuild.config.mjs')) await buildAll();
