// SPDX-License-Identifier: MIT
/**
 * Asks apt for packages of the guest without root and without touching the host's own dpkg:
 * apt with a state, a cache and a list of sources of its own.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, RigError } from '../../../machine/errors.js';
import type { BuildContext } from '../artifacts/context.js';
import { isFile } from '../artifacts/store.js';
import { command, type CommandOptions } from '../process.js';
import type { DebianArchitecture, LockedPackage } from './lock.js';

const DEFAULT_ARCHITECTURE: DebianArchitecture = 'i386';

/** An archive that the host's apt knows: a mirror of Debian or of its security updates. */
export interface Source {
  readonly uri: string;
  readonly suite: string;
  readonly signedBy: string | undefined;
}

/** The last part of a mirror's address names the archive: `debian`, `debian-security`. */
export function archiveOf(uri: string): string {
  return uri.replace(/\/+$/, '').split('/').at(-1) ?? '';
}

/** The host's Debian release: `bookworm`. */
export async function hostSuite(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const suite = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1];
  if (suite === undefined || !/^ID="?debian"?$/m.test(release)) {
    throw new RigError('the disk images are built from the packages of the host, which is no Debian release', {
      remedy: 'build on Debian 12 or later, or copy a cache folder from such a machine',
    });
  }
  return suite;
}

/**
 * The host's sources of the suite, its updates and its security updates; others, of third parties too, are left out.
 */
export async function hostSources(suite: string, context: BuildContext): Promise<readonly Source[]> {
  const { stdout } = await command(
    'apt-get',
    ['indextargets', '--no-release-info', '--format', '$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI) $(SIGNED_BY)'],
    context,
  );
  const wanted = [suite, `${suite}-updates`, `${suite}-security`];
  const sources = new Map<string, Source>();
  for (const line of stdout.split('\n')) {
    const [createdBy, component, release = '', uri = '', ...signedBy] = line.split(' ');
    if (createdBy !== 'Packages' || component !== 'main' || !wanted.includes(release)) continue;
    // When a field has no value, apt prints its placeholder from the format.
    const key = signedBy.join(' ').startsWith('$') ? undefined : signedBy.join(' ');
    sources.set(`${uri} ${release}`, { uri, suite: release, signedBy: key === '' ? undefined : key });
  }
  if (sources.size === 0)
    throw new RigError(`apt on this machine has no source of ${suite} main`, {
      remedy: 'add one to /etc/apt/sources.list.d',
    });
  return [...sources.values()];
}

/** Prepares `dir` for apt. Returns the options with which apt works there. */
export async function aptIn(
  dir: string,
  sources: readonly Source[],
  architecture: string = DEFAULT_ARCHITECTURE,
): Promise<readonly string[]> {
  await mkdir(join(dir, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(dir, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(dir, 'status'), '');
  await writeFile(
    join(dir, 'sources.list'),
    sources
      .map(
        ({ uri, suite, signedBy }) =>
          `deb [arch=${architecture}${signedBy === undefined ? '' : ` signed-by=${signedBy}`}] ${uri} ${suite} main\n`,
      )
      .join(''),
  );
  const options: Readonly<Record<string, string>> = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Install-Recommends': 'false',
    // As root, apt would fetch as another user, who has no permission to write here.
    'APT::Sandbox::User': '',
    'Dir::State': join(dir, 'state'),
    'Dir::State::status': join(dir, 'status'),
    'Dir::Cache': join(dir, 'cache'),
    'Dir::Etc::sourcelist': join(dir, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Acquire::Languages': 'none',
    'Acquire::ForceHash': 'sha256',
    'Acquire::Retries': '3',
  };
  return Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/**
 * Fetches the indexes. A mirror that is just being renewed returns an index of the wrong size. Such a suite is tried
 * again, then omitted, and named in the result.
 */
export async function updateIndexes(
  dir: string,
  sources: readonly Source[],
  context: BuildContext,
  architecture: string = DEFAULT_ARCHITECTURE,
): Promise<{ readonly options: readonly string[]; readonly missing: readonly string[] }> {
  const options = await aptIn(dir, sources, architecture);
  let failures = '';
  for (let attempt = 1; attempt <= 3; attempt++) {
    context.progress('fetching package indexes');
    const { stdout, stderr, status } = await command('apt-get', [...options, 'update'], context, {
      okStatuses: [0, 100],
    });
    failures = `${stdout}\n${stderr}`
      .split('\n')
      .filter((line) => /^(?:E|W|Err)[:\d]/.test(line))
      .join('\n');
    if (status === 0 && failures === '') return { options, missing: [] };
    await pause(2000 * attempt, context.signal);
  }
  const missing = sources.filter(
    ({ uri, suite }) => failures.includes(suite === '' ? uri : ` ${suite}/`) || failures.includes(`/${suite}/`),
  );
  const left = sources.filter((source) => !missing.includes(source));
  if (missing.length === 0 || left.length === 0) {
    throw new RigError(`apt cannot fetch its indexes\n${failures}`, {
      remedy: "check that 'apt-get update' works on this machine, then try again",
    });
  }
  const again = await aptIn(dir, left, architecture);
  await command('apt-get', [...again, 'update'], context, { remedy: 'try again in some minutes' });
  return { options: again, missing: missing.map(({ suite }) => suite) };
}

/** The packages that are installed with these on an empty system, sorted by name. `name=version` requests a version. */
export async function resolvePackages(
  options: readonly string[],
  install: readonly string[],
  context: BuildContext,
  architecture: DebianArchitecture = DEFAULT_ARCHITECTURE,
): Promise<readonly LockedPackage[]> {
  const { stdout, stderr, status } = await command(
    'apt-get',
    [...options, 'install', '--yes', '--print-uris', '-qq', ...install],
    context,
    { okStatuses: [0, 100] },
  );
  if (status !== 0) {
    const unknown = /Unable to locate package (\S+)|Package '(\S+)' has no installation candidate/.exec(stderr);
    if (unknown)
      throw new InputError(`there is no Debian package '${unknown[1] ?? unknown[2] ?? ''}' for ${architecture}`, {
        remedy: 'correct the name in the recipe',
      });
    throw new RigError(`apt cannot resolve ${install.join(' ')}\n${stderr.trim()}`, {
      remedy: 'leave out packages that exclude one another, or try again in some minutes',
    });
  }
  const names: { name: string; version: string; uri: string }[] = [];
  for (const line of stdout.split('\n')) {
    const found = /^'(\S+)' (\S+?)_(\S+)_\w+\.deb \d+/.exec(line);
    if (found) names.push({ uri: found[1] ?? '', name: found[2] ?? '', version: decodeURIComponent(found[3] ?? '') });
  }
  const records = await command(
    'apt-cache',
    [...options, 'show', ...names.map(({ name, version }) => `${name}=${version}`)],
    context,
  );
  const packages = new Map<string, LockedPackage>();
  for (const record of records.stdout.split('\n\n')) {
    const field = (key: string): string => new RegExp(`^${key}: (.*)$`, 'm').exec(record)?.[1] ?? '';
    const name = field('Package');
    const path = field('Filename');
    const uri = names.find((one) => one.name === name && one.version === field('Version'))?.uri;
    if (uri === undefined || !decodeURIComponent(uri).endsWith(path)) continue;
    const archive = archiveOf(decodeURIComponent(uri).slice(0, -path.length));
    packages.set(name, {
      name,
      version: field('Version'),
      archive,
      sizeBytes: Number(field('Size')),
      sha256: field('SHA256'),
      path,
    });
  }
  const lost = names.find(({ name }) => !packages.has(name));
  if (lost)
    throw new RigError(`apt would install ${lost.name} ${lost.version}, and has no record of it`, {
      remedy: 'try again in some minutes',
    });
  return [...packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Fetches these packages into `dir`, as apt fetches any file, checked against their digests; what is there already
 * stays. Answers those that no mirror has any more. `lock`: see {@link CommandOptions}.
 */
export async function fetchPackages(
  packages: readonly LockedPackage[],
  sources: readonly Source[],
  dir: string,
  context: BuildContext,
  lock?: CommandOptions['lock'],
): Promise<readonly LockedPackage[]> {
  const options = await aptIn(join(dir, 'apt'), sources);
  const mirrors = new Map(sources.map(({ uri }) => [archiveOf(uri), uri.replace(/\/+$/, '')]));
  const known = packages.filter(({ archive }) => mirrors.has(archive));
  const bytes = sizeOf(known);
  let fetched = 0;
  const missing = packages.filter((one) => !known.includes(one));
  for (const whole of batches(known, 8)) {
    context.progress(`fetching ${known.length} Debian packages`, fetched / bytes);
    fetched += sizeOf(whole);
    const here = await Promise.all(whole.map((one) => isFile(join(dir, fileName(one)), one.sha256)));
    const batch = whole.filter((_, index) => here[index] !== true);
    if (batch.length === 0) continue;
    // If the mirror no longer has the file, an incomplete file of an interrupted fetch would count as complete.
    await Promise.all(batch.map((one) => rm(join(dir, fileName(one)), { force: true })));
    const triples = batch.flatMap((one) => [
      `${mirrors.get(one.archive) ?? ''}/${one.path}`,
      join(dir, fileName(one)),
      `SHA256:${one.sha256}`,
    ]);
    await command('/usr/lib/apt/apt-helper', [...options, 'download-file', ...triples], context, {
      okStatuses: [0, 100],
      ...(lock !== undefined && { lock }),
    });
    // The helper leaves the part of a file that it got before a connection broke.
    for (const one of batch) if (!(await isFile(join(dir, fileName(one)), one.sha256))) missing.push(one);
  }
  return missing;
}

const sizeOf = (packages: readonly LockedPackage[]): number =>
  packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

export const fileName = ({ name, sha256 }: LockedPackage): string => `${name}-${sha256.slice(0, 16)}.deb`;

function batches<T>(items: readonly T[], count: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / count) }, (_, index) =>
    items.slice(index * count, (index + 1) * count),
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
