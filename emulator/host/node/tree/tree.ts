// SPDX-License-Identifier: MIT
/**
 * A file tree in memory: the contents of an image, with owners and device nodes. It needs no root, and does not depend
 * on the attributes or the order of names of the host's filesystem.
 */
import { InputError } from '../../../machine/errors.js';

export type Entry = {
  /** From the root, without a leading slash: `usr/bin/dd`. */
  readonly path: string;
  /** Permission bits, with set-id and sticky: `0o4755`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
} & (
  | { readonly kind: 'file'; readonly content: Uint8Array }
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'device'; readonly type: 'char' | 'block'; readonly major: number; readonly minor: number }
  | { readonly kind: 'fifo' }
);

/** The real places of top-level names: `{ bin: 'usr/bin' }`, as in Debian's merged /usr. */
export type Aliases = Readonly<Record<string, string>>;

export const MERGED_USR: Aliases = { bin: 'usr/bin', sbin: 'usr/sbin', lib: 'usr/lib' };

/**
 * Combines the layers; a later one replaces paths of earlier ones. Returns each path once, parents
 * before children, in an order that depends only on the paths. Missing parents become directories that root owns.
 * @throws InputError when a path is both a file and a directory.
 */
export function mergeTree(layers: readonly (readonly Entry[])[], aliases: Aliases = {}): readonly Entry[] {
  const links = Object.entries(aliases).map(([path, target]): Entry => ({
    kind: 'symlink',
    path,
    target,
    mode: 0o777,
    uid: 0,
    gid: 0,
  }));
  const merged = new Map<string, Entry>();
  for (const entry of layers.flat()) {
    const path = resolveAlias(cleanPath(entry.path), aliases);
    // The directory of an alias, or the link that a package has for it, is made once, below.
    if (path === '' || (Object.values(aliases).includes(path) && entry.kind !== 'directory')) continue;
    const present = merged.get(path);
    if (present && (present.kind === 'directory') !== (entry.kind === 'directory')) {
      // One package may have a link to a directory where another has the directory: the directory wins.
      if (entry.kind === 'symlink') continue;
      if (present.kind !== 'symlink')
        throw new InputError(`/${path} is both a directory and a file in the same image`, {
          remedy: 'rename one of them in the recipe',
        });
    }
    merged.set(path, { ...entry, path });
  }
  for (const path of [...merged.keys()]) addParents(path, merged);
  for (const link of links) merged.set(link.path, link);
  for (const target of Object.values(aliases)) if (!merged.has(target)) merged.set(target, directory(target));
  for (const path of Object.values(aliases)) addParents(path, merged);
  return [...merged.values()].sort((a, b) => comparePaths(a.path, b.path));
}

function addParents(path: string, merged: Map<string, Entry>): void {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    const present = merged.get(parent);
    if (present && present.kind !== 'directory')
      throw new InputError(`/${path} lies under /${parent}, which is a ${present.kind}`, {
        remedy: 'give the path that the link leads to',
      });
    if (!present) merged.set(parent, directory(parent));
  }
}

/** A directory that root owns. */
export function directory(path: string, mode = 0o755): Entry {
  return { kind: 'directory', path, mode, uid: 0, gid: 0 };
}

/** Removes everything at or under a path that matches one of the patterns: `usr/share/doc`, `usr/lib/*.a`. */
export function dropPaths(entries: readonly Entry[], patterns: readonly string[]): readonly Entry[] {
  const matchers = patterns.map(pathPattern);
  return entries.filter(({ path }) => !matchers.some((matches) => matches.test(path)));
}

/** `*` stands for anything within one name, `**` for anything. */
function pathPattern(pattern: string): RegExp {
  const escaped = cleanPath(pattern)
    .replaceAll(/[.+^${}()|[\]\\?]/g, '\\$&')
    .replaceAll('**', '\0')
    .replaceAll('*', '[^/]*')
    .replaceAll('\0', '.*');
  return new RegExp(`^${escaped}(?:/.*)?$`);
}

/** `./a//b/` and `/a/b` are `a/b`; a path may not climb out of the tree. */
export function cleanPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw new InputError(`the path ${path} climbs with '..'`, { remedy: 'give the path from the root of the image' });
  return parts.join('/');
}

/** The real place of a path. */
export function resolveAlias(path: string, aliases: Aliases): string {
  const [top = '', ...rest] = path.split('/');
  const target = Object.hasOwn(aliases, top) ? aliases[top] : undefined;
  return target === undefined ? path : [target, ...rest].join('/');
}

/** Order by bytes, so that it is the same in every locale; a parent sorts before what is under it. */
function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
