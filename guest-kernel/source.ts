// SPDX-License-Identifier: MIT
/** The kernel's source: Debian's package linux-source-6.12, the newest that apt offers, fetched without root. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { hostSources, hostSuite, updateIndexes } from '../emulator/host/node/packages/apt.js';
import { rememberedAnswer } from '../emulator/host/node/packages/remembered.js';
import { RigError } from '../emulator/machine/errors.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { command } from '../emulator/host/node/process.js';
import { isFile, obtain, type Artifact } from '../emulator/host/node/artifacts/store.js';

export interface SourcePackage {
  readonly package: string;
  /** `6.12.117-1~deb12u1`. */
  readonly version: string;
  readonly uri: string;
  /** Name of the .deb as apt saves it. */
  readonly file: string;
  /** SHA-256 (hex) of the .deb, from apt's signed index. */
  readonly sha256: string;
}

const PACKAGE = 'linux-source-6.12';
const TARBALL = `${PACKAGE}.tar.xz`;
const PRINT_URIS = ['download', '--print-uris', PACKAGE];
const ATTEMPTS = 4;

/** Drivers that our kernels and patches do not use: a third of the tree. Their Kconfig files and makefiles are kept. */
const UNUSED = [
  'drivers/gpu/drm/amd',
  'drivers/gpu/drm/i915',
  'drivers/gpu/drm/nouveau',
  'drivers/iio',
  'drivers/infiniband',
  'drivers/media',
  'drivers/net/ethernet',
  'drivers/net/wireless',
  'drivers/staging',
  'sound',
];

/**
 * The package that apt would install, by the host's own index (without network) or, if the host has none, by an index
 * that is fetched once into the cache. apt is called only when a file has changed on which its answer depends.
 * @throws RigError when apt offers no such package.
 */
export async function findSource(context: BuildContext): Promise<SourcePackage> {
  return parsePrintUris(await rememberedAnswer('linux-source', context, () => askApt(context)));
}

async function askApt(context: BuildContext): Promise<string> {
  const { stdout } = await command('apt-get', PRINT_URIS, context, {
    okStatuses: [0, 100],
    remedy: 'apt-get is needed to fetch the kernel source',
  });
  const answer = stdout === '' ? await askMirrors(context) : stdout;
  // An empty answer is not remembered.
  parsePrintUris(answer);
  return answer;
}

/** The same question with our own index. Another host release or other mirrors mean a new question. */
async function askMirrors(context: BuildContext): Promise<string> {
  const sources = await hostSources(await hostSuite(), context);
  const answer = await obtain(
    {
      name: 'linux-source-index',
      inputs: { sources: JSON.stringify(sources) },
      build: async (dir, scratch) => {
        const { stdout: architecture } = await command('dpkg', ['--print-architecture'], context);
        const { options } = await updateIndexes(scratch, sources, context, architecture.trim());
        const { stdout } = await command('apt-get', [...options, ...PRINT_URIS], context, {
          remedy: 'add the security suite to the sources of apt',
        });
        await writeFile(join(dir, 'uris.txt'), stdout);
      },
    },
    context,
  );
  return readFile(join(answer.dir, 'uris.txt'), 'utf8');
}

/** Reads the one line of `apt-get download --print-uris`: `'URI' FILE SIZE SHA256:HEX`. */
export function parsePrintUris(output: string): SourcePackage {
  const [, uri, file, sha256] = /^'([^']+)' (\S+\.deb) \d+ SHA256:([0-9a-f]{64})$/m.exec(output) ?? [];
  const version =
    file === undefined
      ? undefined
      : new RegExp(`^${PACKAGE.replaceAll('.', '\\.')}_(.+)_[a-z0-9]+\\.deb$`).exec(file)?.[1];
  if (uri === undefined || file === undefined || sha256 === undefined || version === undefined) {
    throw new RigError(`apt answered something unexpected about ${PACKAGE}: ${output.trim() || '(nothing)'}`, {
      remedy: 'apt-get update',
    });
  }
  return { package: PACKAGE, version: decodeURIComponent(version), uri, file, sha256 };
}

/** The kernel's own version of a package version: `6.12.117` of `6.12.117-1~deb12u1`. */
export function kernelVersion(packageVersion: string): string {
  return packageVersion.replace(/-.*$/, '');
}

/** The source tarball as an artifact: a folder with {@link TARBALL} in it. */
export function obtainSource(source: SourcePackage, context: BuildContext): Promise<Artifact> {
  return obtain(
    {
      name: 'linux-source',
      inputs: { version: source.version, sha256: source.sha256 },
      keepsAfterFailure: true,
      build: async (dir, scratch, inner, kept) => {
        inner.progress(`downloading ${source.package} ${source.version}`);
        const deb = await download(source, await kept.folder('download'), kept.lock, inner);
        const unpacked = join(scratch, 'deb');
        await command('dpkg-deb', ['-x', deb, unpacked], inner);
        await rename(join(unpacked, 'usr/src', TARBALL), join(dir, TARBALL));
      },
    },
    context,
  );
}

/**
 * Unpacks the source into `tree`; without `whole` the {@link UNUSED} folders keep only their Kconfig files and makefiles. Files that are
 * there already stay as they are.
 */
export async function unpackSource(
  source: Artifact,
  tree: string,
  context: BuildContext,
  { whole }: { readonly whole: boolean },
): Promise<void> {
  await mkdir(tree, { recursive: true });
  const exclude = whole ? [] : UNUSED.map((dir) => `--exclude=${PACKAGE}/${dir}/*.[chS]`);
  await command(
    'tar',
    [
      '-x',
      '-f',
      join(source.dir, TARBALL),
      '-C',
      tree,
      '--strip-components=1',
      '--no-same-owner',
      '--skip-old-files',
      ...exclude,
    ],
    context,
    {
      env: { XZ_DEFAULTS: '-T0' },
    },
  );
  await forgetPackaging(join(tree, '.gitignore'));
}

/** Debian's .gitignore hides everything except its packaging from git, and so our new files. */
async function forgetPackaging(gitignore: string): Promise<void> {
  const lines = (await readFile(gitignore, 'utf8')).split('\n');
  await writeFile(gitignore, lines.filter((line) => line !== '/*' && line !== '!/debian/').join('\n'));
}

/** A mirror that is just being renewed returns wrong sizes or sums: tries again, with a longer delay each time. */
async function download(source: SourcePackage, dir: string, lock: string, context: BuildContext): Promise<string> {
  const path = join(dir, source.file);
  if (await isFile(path, source.sha256)) return path;
  await rm(path, { force: true });
  let last: unknown;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      await command(
        '/usr/lib/apt/apt-helper',
        ['-o', 'APT::Sandbox::User=', 'download-file', source.uri, path, `SHA256:${source.sha256}`],
        context,
        { lock },
      );
      return path;
    } catch (error) {
      context.signal.throwIfAborted();
      last = error;
    }
    context.progress(
      `the mirror did not deliver ${source.package} ${source.version} (attempt ${attempt} of ${ATTEMPTS})`,
    );
    await setTimeout(attempt * 5000, undefined, { signal: context.signal });
  }
  throw new RigError(`cannot download ${source.package} ${source.version}: ${(last as Error).message}`, {
    cause: last,
    remedy: 'check the network; where the mirror has a newer version by now, run apt-get update',
  });
}
