// SPDX-License-Identifier: MIT
/**
 * The lock: which version of each Debian package goes into the images, with its digest.
 *
 * With it, the same recipe gives the same image on every machine, and a build asks the mirror for no index: each file
 * is fetched by its place in the archive's pool and checked against its digest here. `tools/refresh-lock.ts` renews it.
 *
 * One package per line: name, version, archive (`debian` or `debian-security`), size in bytes, SHA-256, place in the
 * archive.
 */
import { RigError } from '../../../machine/errors.js';

/** An architecture of guests, by Debian's name. */
export type DebianArchitecture = 'i386' | 'amd64';

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** Which archive holds it, as the last part of the mirror's address. */
  readonly archive: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** From the root of the archive: `pool/main/z/zlib/zlib1g_1.2.13_i386.deb`. */
  readonly path: string;
}

/**
 * One resolved set: the wish (packages to install, packages to omit, architecture, suite) and the packages that apt resolved
 * it to.
 */
export interface LockedSet {
  readonly suite: string;
  /** i386 unless told. */
  readonly architecture?: DebianArchitecture;
  readonly install: readonly string[];
  readonly without: readonly string[];
  readonly packages: readonly LockedPackage[];
}

const LINE = /^(\S+) (\S+) (\S+) (\d+) ([0-9a-f]{64}) (\S+)$/;

/** Reads a lock file. @throws RigError for an invalid line. */
export function parseLock(text: string, file: string): readonly LockedSet[] {
  const sets: {
    suite: string;
    architecture?: DebianArchitecture;
    install: string[];
    without: string[];
    packages: LockedPackage[];
  }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [key, ...rest] = line.split(' ');
    const found = LINE.exec(line);
    const set = sets.at(-1);
    if (key === 'suite' && rest[0] !== undefined && rest.length === 1)
      sets.push({ suite: rest[0], install: [], without: [], packages: [] });
    else if (key === 'architecture' && set && rest[0] === 'amd64' && rest.length === 1) set.architecture = rest[0];
    else if (key === 'install' && set) set.install.push(...rest);
    else if (key === 'without' && set) set.without.push(...rest);
    else if (found && set) {
      const [, name = '', version = '', archive = '', size = '', sha256 = '', path = ''] = found;
      set.packages.push({ name, version, archive, sizeBytes: Number(size), sha256, path });
    } else
      throw new RigError(`${file}:${index + 1}: not a line of a package lock: ${line}`, {
        remedy: 'restore the file, or make it anew: node tools/run.mjs tools/refresh-lock.ts',
      });
  }
  return sets;
}

/** The text of a lock file. */
export function renderLock(sets: readonly LockedSet[]): string {
  const head =
    '# SPDX-License-Identifier: MIT\n# Package versions of the disk images, and of what guest programs are linked with. Renew: node tools/run.mjs tools/refresh-lock.ts\n';
  return head + sets.map((set) => `\n${renderSet(set)}`).join('');
}

/** One set as its lines; also the record of what an image was built from. */
export function renderSet({ suite, architecture = 'i386', install, without, packages }: LockedSet): string {
  const lines = packages.map(
    ({ name, version, archive, sizeBytes, sha256, path }) =>
      `${name} ${version} ${archive} ${sizeBytes} ${sha256} ${path}`,
  );
  return [
    `suite ${suite}`,
    ...(architecture === 'i386' ? [] : [`architecture ${architecture}`]),
    `install ${install.join(' ')}`,
    ...(without.length > 0 ? [`without ${without.join(' ')}`] : []),
    ...lines,
    '',
  ].join('\n');
}

/** The locked set of exactly this wish, if there is one. */
export function lockedSet(
  sets: readonly LockedSet[],
  wish: Pick<LockedSet, 'suite' | 'architecture' | 'install' | 'without'>,
): LockedSet | undefined {
  const same = (a: readonly string[], b: readonly string[]): boolean =>
    [...a].sort().join(' ') === [...b].sort().join(' ');
  return sets.find(
    (set) =>
      set.suite === wish.suite &&
      (set.architecture ?? 'i386') === (wish.architecture ?? 'i386') &&
      same(set.install, wish.install) &&
      same(set.without, wish.without),
  );
}
