// SPDX-License-Identifier: MIT
/** The kernel developer's loop on the kernel's own source, as far as the series and its checks need it. */
import { cp, mkdir } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { exportSeries, openTree, readSeries, touchedFiles } from '../../guest-kernel/series.js';
import { findSource, obtainSource } from '../../guest-kernel/source.js';
import { packagePath } from '../../tools/artifacts/paths.js';
import { command } from '../../tools/artifacts/process.js';
import { obtain } from '../../tools/artifacts/store.js';
import { context } from './cycle-support.js';

/** By these checkpatch knows a kernel tree, and git how a C file is divided. */
const TOP_FILES = ['.gitattributes', 'COPYING', 'CREDITS', 'Kbuild', 'MAINTAINERS', 'Makefile', 'README', '.clang-format'];
const TOP_FOLDERS = ['Documentation', 'arch', 'include', 'drivers', 'fs', 'init', 'ipc', 'kernel', 'lib', 'scripts'];
const CHECKPATCH = ['scripts/checkpatch.pl', 'scripts/spelling.txt', 'scripts/const_structs.checkpatch'];

const patches = await readSeries(packagePath('guest-kernel', 'patches'));
const added = new Set(patches.flatMap(({ text }) => [...text.matchAll(/^--- \/dev\/null\n\+\+\+ b\/(\S+)$/gm)].map(([, file]) => file)));
const files = [...new Set([...TOP_FILES, ...CHECKPATCH, ...patches.flatMap(({ text }) => touchedFiles(text))])].filter((file) => !added.has(file)).sort();

/** The part of the source that the series touches; unpacked once. */
async function partOfSource(): Promise<string> {
  const source = await findSource(context);
  const { dir } = await obtain(
    {
      name: 'linux-source-part',
      inputs: { source: source.sha256, files: files.join('\n') },
      build: async (into) => {
        const tarball = join((await obtainSource(source, context)).dir, `${source.package}.tar.xz`);
        await command('tar', ['-x', '-f', tarball, '-C', into, '--strip-components=1', '--no-same-owner', ...files.map((file) => `${source.package}/${file}`)], context, { env: { XZ_DEFAULTS: '-T0' } });
      },
    },
    context,
  );
  return dir;
}

t.test('open, regenerate: the series is written byte for byte as it was; checkpatch is content with it', async (t) => {
  const tree = join(t.testdir({}), 'linux');
  await cp(await partOfSource(), tree, { recursive: true });
  for (const folder of TOP_FOLDERS) await mkdir(join(tree, folder), { recursive: true });
  await openTree(tree, patches, context, { whole: true });
  const again = await exportSeries(tree, context);
  t.same(again.map(({ file }) => file), patches.map(({ file }) => file));
  for (const [index, { file, text }] of patches.entries()) t.ok(again[index]?.text === text, file);

  const { status, stdout, stderr } = spawnSync(process.execPath, [packagePath('tools/run.mjs'), packagePath('tools/kernel.ts'), 'checkpatch', tree], { encoding: 'utf8', cwd: packagePath(), env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' } });
  t.equal(status, 0, status === 0 ? 'checkpatch' : stdout + stderr);
  t.match(stdout, new RegExp(`checkpatch is content with ${patches.length} patches`));
});
