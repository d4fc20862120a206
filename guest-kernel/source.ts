// SPDX-License-Identifier: MIT
/** The kernel's source: Debian's package linux-source-6.12, the newest that apt offers, fetched without root. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../emulator/machine/errors.js';
import type { BuildContext } from '../tools/artifacts/context.js';
import { command } from '../tools/artifacts/process.js';
import { hashFile, obtain, type Artifact } from '../tools/artifacts/store.js';

export interface SourcePackage {
  readonly package: string;
  /** `6.12.117-1~deb12u1`. */
  readonly version: string;
  /** Name of the .deb as apt saves it. */
  readonly file: string;
  /** SHA-256 (hex) of the .deb, from apt's signed index. */
  readonly sha256: string;
}

const PACKAGE = 'linux-source-6.12';
const TARBALL = `${PACKAGE}.tar.xz`;
const ATTEMPTS = 4;

/** Drivers that no kernel of ours compiles and no patch of ours touches: a third of the tree. Their Kconfig files and makefiles stay. */
const UNUSED = ['drivers/gpu/drm/amd', 'drivers/gpu/drm/i915', 'drivers/gpu/drm/nouveau', 'drivers/iio', 'drivers/infiniband', 'drivers/media', 'drivers/net/ethernet', 'drivers/net/wireless', 'drivers/staging', 'sound'];

/**
 * What apt would install, by its local index; no network is used.
 * @throws RigError when apt offers no such package.
 */
export async function findSource(context: BuildContext): Promise<SourcePackage> {
  const { stdout } = await command('apt-get', ['download', '--print-uris', PACKAGE], context, { remedy: 'apt-get update' }).catch((error: unknown) => {
    throw new RigError(`apt offers no ${PACKAGE}`, { cause: error, remedy: 'run apt-get update on a Debian 12 machine with the security suite' });
  });
  return parsePrintUris(stdout);
}

/** Reads the one line of `apt-get download --print-uris`: `'URI' FILE SIZE SHA256:HEX`. */
export function parsePrintUris(output: string): SourcePackage {
  const [, file, sha256] = /^'[^']+' (\S+\.deb) \d+ SHA256:([0-9a-f]{64})$/m.exec(output) ?? [];
  const version = file === undefined ? undefined : new RegExp(`^${PACKAGE.replaceAll('.', '\\.')}_(.+)_[a-z0-9]+\\.deb$`).exec(file)?.[1];
  if (file === undefined || sha256 === undefined || version === undefined) {
    throw new RigError(`apt answered something unexpected about ${PACKAGE}: ${output.trim() || '(nothing)'}`, { remedy: 'apt-get update' });
  }
  return { package: PACKAGE, version: decodeURIComponent(version), file, sha256 };
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
      build: async (dir, scratch) => {
        context.progress(`downloading ${source.package} ${source.version}`);
        const deb = await download(source, scratch, context);
        const unpacked = join(scratch, 'deb');
        await command('dpkg-deb', ['-x', deb, unpacked], context);
        await rename(join(unpacked, 'usr/src', TARBALL), join(dir, TARBALL));
      },
    },
    context,
  );
}

/** Unpacks the source into `tree`, which must not exist; without `whole` the {@link UNUSED} folders keep only their Kconfig files and makefiles. */
export async function unpackSource(source: Artifact, tree: string, context: BuildContext, { whole }: { readonly whole: boolean }): Promise<void> {
  await mkdir(tree, { recursive: true });
  const exclude = whole ? [] : UNUSED.map((dir) => `--exclude=${PACKAGE}/${dir}/*.[chS]`);
  await command('tar', ['-x', '-f', join(source.dir, TARBALL), '-C', tree, '--strip-components=1', '--no-same-owner', ...exclude], context, {
    env: { XZ_DEFAULTS: '-T0' },
  });
  await forgetPackaging(join(tree, '.gitignore'));
}

/** Debian's .gitignore hides everything but its packaging from git, new files of ours among it. */
async function forgetPackaging(gitignore: string): Promise<void> {
  const lines = (await readFile(gitignore, 'utf8')).split('\n');
  await writeFile(gitignore, lines.filter((line) => line !== '/*' && line !== '!/debian/').join('\n'));
}

/** A mirror that is being synchronised answers with sizes or sums that do not fit: look at the index again, then retry. */
async function download(source: SourcePackage, scratch: string, context: BuildContext): Promise<string> {
  const path = join(scratch, source.file);
  let last: unknown;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      await command('apt-get', ['download', '-o', 'APT::Sandbox::User=', `${source.package}=${source.version}`], context, { cwd: scratch });
      const sha256 = await hashFile(path);
      if (sha256 === source.sha256) return path;
      last = new Error(`the downloaded file has the SHA-256 ${sha256}, the index says ${source.sha256}`);
    } catch (error) {
      context.signal.throwIfAborted();
      last = error;
    }
    context.progress(`the mirror did not deliver ${source.package} ${source.version} (attempt ${attempt} of ${ATTEMPTS})`);
    await new Promise((resolve) => setTimeout(resolve, attempt * 5000));
  }
  throw new RigError(`cannot download ${source.package} ${source.version}: ${last instanceof Error ? last.message : String(last)}`, {
    cause: last,
    remedy: 'check the network, run apt-get update, and try again',
  });
}
