// SPDX-License-Identifier: MIT
/** The packages of an image as an artifact: the files themselves, and a list of them. */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../../machine/errors.js';
import type { BuildContext } from '../artifacts/context.js';
import { packagePath } from '../paths.js';
import { command } from '../process.js';
import type { KeptWork } from '../artifacts/kept.js';
import { obtain, type Artifact } from '../artifacts/store.js';
import { readTar } from '../tree/tar.js';
import type { Entry } from '../tree/tree.js';
import { fetchPackages, fileName, hostSources, hostSuite, resolvePackages, updateIndexes } from './apt.js';
import {
  lockedSet,
  parseLock,
  renderSet,
  type DebianArchitecture,
  type LockedPackage,
  type LockedSet,
} from './lock.js';
import { writeFile } from 'node:fs/promises';

/** To be changed whenever this code would fetch other files for the same wish. */
const BUILDER = '1';

export interface PackageWish {
  /** i386 unless told. */
  readonly architecture?: DebianArchitecture;
  readonly install: readonly string[];
  /** Packages that dependencies would bring in and that the image does without. */
  readonly without: readonly string[];
}

export const LOCK_PATH = ['disk-images', 'packages.lock'] as const;

export interface PackageArtifact extends Artifact {
  readonly packages: readonly LockedPackage[];
  /** The reasons why packages differ from those of the lock. */
  readonly deviations: readonly string[];
}

/** The packages of a wish with all dependencies: those of the lock, as far as a mirror still has them. */
export async function obtainPackages(wish: PackageWish, context: BuildContext): Promise<PackageArtifact> {
  const suite = await hostSuite();
  const locked = lockedSet(
    parseLock(await readFile(packagePath(...LOCK_PATH), 'utf8').catch(() => ''), LOCK_PATH.join('/')),
    { suite, ...wish },
  );
  const inputs = {
    builder: BUILDER,
    suite,
    ...(wish.architecture === 'amd64' && { architecture: wish.architecture }),
    install: [...wish.install].sort().join(' '),
    without: [...wish.without].sort().join(' '),
    locked: locked ? renderSet(locked) : '',
  };
  const artifact = await obtain(
    {
      name: 'packages',
      inputs,
      keepsAfterFailure: true,
      build: (dir, scratch, inner, kept) => fetchWish({ suite, ...wish }, locked, { dir, scratch, kept }, inner),
    },
    context,
  );
  const [set] = parseLock(await readFile(join(artifact.dir, 'packages.txt'), 'utf8'), 'packages.txt');
  const deviations = (await readFile(join(artifact.dir, 'deviations.txt'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '');
  return { ...artifact, packages: set?.packages ?? [], deviations };
}

async function fetchWish(
  wish: Omit<LockedSet, 'packages'>,
  locked: LockedSet | undefined,
  { dir, scratch, kept }: { readonly dir: string; readonly scratch: string; readonly kept: KeptWork },
  context: BuildContext,
): Promise<void> {
  const sources = await hostSources(wish.suite, context);
  const fetched = await kept.folder('fetched');
  const fetch = (some: readonly LockedPackage[]): Promise<readonly LockedPackage[]> =>
    fetchPackages(some, sources, fetched, context, kept.lock);
  const deviations: string[] = [];
  let packages: readonly LockedPackage[] = locked?.packages ?? [];
  let missing: readonly LockedPackage[] = [];
  if (locked) missing = await fetch(packages);
  else
    deviations.push(
      `no lock for ${wish.install.join(' ')} on ${wish.suite}${wish.architecture === 'amd64' ? ' for amd64' : ''}: the newest versions were taken`,
    );
  if (!locked || missing.length > 0) {
    const resolved = await resolveWish(wish, join(scratch, 'resolve'), context, deviations);
    // Locked packages that the mirror still has stay as locked, so that few packages differ.
    const same = new Map(packages.filter((one) => !missing.includes(one)).map((one) => [one.name, one]));
    for (const { name, version } of missing)
      deviations.push(
        `${name} ${version} of the lock is gone from the mirrors: ${resolved.find((one) => one.name === name)?.version ?? 'nothing'} was taken`,
      );
    packages = resolved.map((one) => same.get(one.name) ?? one);
    const lost = await fetch(packages.filter(({ name }) => !same.has(name)));
    if (lost[0])
      throw new RigError(`no mirror has ${lost[0].path}, which its own index names`, {
        remedy: 'the mirror is being renewed: try again in some minutes',
      });
  }
  for (const one of packages) await rename(join(fetched, fileName(one)), join(dir, fileName(one)));
  await writeFile(join(dir, 'packages.txt'), renderSet({ ...wish, packages }));
  await writeFile(join(dir, 'deviations.txt'), deviations.map((line) => `${line}\n`).join(''));
  for (const line of deviations) context.progress(`note: ${line}`);
}

/** Resolves a wish by the newest indexes that the mirrors have. */
export async function resolveWish(
  wish: Omit<LockedSet, 'packages'>,
  dir: string,
  context: BuildContext,
  notes: string[],
): Promise<readonly LockedPackage[]> {
  const { options, missing } = await updateIndexes(
    dir,
    await hostSources(wish.suite, context),
    context,
    wish.architecture,
  );
  if (missing.length > 0)
    notes.push(`without the suites ${missing.join(', ')}, whose indexes the mirror did not answer soundly`);
  const resolved = await resolvePackages(options, wish.install, context, wish.architecture);
  return resolved.filter(({ name }) => !wish.without.includes(name));
}

/** The files of these packages. Their maintainer scripts are not run. */
export async function unpackPackages(
  { dir, packages }: PackageArtifact,
  scratch: string,
  context: BuildContext,
): Promise<readonly Entry[]> {
  const tar = join(scratch, 'package.tar');
  const entries: Entry[] = [];
  for (const [index, one] of packages.entries()) {
    context.progress(`unpacking ${packages.length} Debian packages`, index / packages.length);
    // Through a file, because the output is binary.
    await command(
      'sh',
      ['-c', 'exec dpkg-deb --fsys-tarfile "$1" > "$2"', 'sh', join(dir, fileName(one)), tar],
      context,
      { remedy: 'apt-get install dpkg' },
    );
    entries.push(...readTar(await readFile(tar)));
  }
  return entries;
}
