// SPDX-License-Identifier: MIT
/** Finds, reads and checks disk recipes. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { InputError } from '../../emulator/machine/errors.js';
import { readTextFile } from '../../emulator/host/node/text-file.js';
import { readYaml, renderIssues, type YamlFile, type YamlIssue } from '../../emulator/yaml/index.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import type { Entry } from '../../emulator/host/node/tree/tree.js';
import { holdsFiles, type Recipe, type TreeSource, type Volume } from './recipe.js';
import { diskShape, type PartitionText, type WholeDisk } from './schema.js';

const RECIPES = ['disk-images', 'recipes'] as const;

/** Names of the recipes that come with Snapback. */
export async function builtInRecipes(): Promise<readonly string[]> {
  return (await readdir(packagePath(...RECIPES)))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => basename(name, '.yaml'))
    .sort();
}

/**
 * Reads the recipe of this name (`root`), or of this path (anything with a `/` or `.yaml` in it).
 * @throws InputError with every issue, each at its place in the file.
 */
export async function readRecipe(nameOrPath: string): Promise<{ readonly recipe: Recipe; readonly path: string }> {
  const isPath = nameOrPath.includes('/') || nameOrPath.endsWith('.yaml');
  const path = isPath ? resolve(nameOrPath) : packagePath(...RECIPES, `${nameOrPath}.yaml`);
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    throw new InputError(`cannot read the disk recipe ${nameOrPath}: ${(error as Error).message}`, {
      cause: error,
      remedy: `name a file, or one of ${(await builtInRecipes()).join(', ')}`,
    });
  }
  return {
    recipe: parseRecipe(
      text,
      isPath ? nameOrPath : `${RECIPES.join('/')}/${nameOrPath}.yaml`,
      basename(path, '.yaml'),
      dirname(path),
    ),
    path,
  };
}

/** Reads a recipe's text; `folder` is where its host paths start from. @throws InputError with every issue. */
export function parseRecipe(text: string, file: string, name: string, folder: string): Recipe {
  const read = readYaml(text, file, diskShape);
  if ('issues' in read) throw refuse(read.issues);
  const { value, source } = read;
  const recipe: Recipe = {
    name,
    sizeBytes: value.size,
    table: 'table' in value ? value.table : 'none',
    diskId: value.id ?? fixedUuid(`disk ${name}`),
    volumes:
      'table' in value
        ? value.partitions.map((one) => toVolume(one, one.name, one.size, name, folder))
        : [toVolume(value, name, value.size, name, folder)],
  };
  const issues = impossible(recipe, source);
  if (issues.length > 0) throw refuse(issues);
  return {
    ...recipe,
    diskId: recipe.table === 'mbr' && value.id === undefined ? recipe.diskId.slice(0, 8) : recipe.diskId,
  };
}

function refuse(issues: readonly YamlIssue[]): InputError {
  return new InputError(renderIssues(issues), { remedy: 'disk-images/README.md describes what a recipe may hold' });
}

function impossible(recipe: Recipe, source: YamlFile): readonly YamlIssue[] {
  const issues: YamlIssue[] = [];
  if (recipe.sizeBytes % 512 !== 0 || recipe.sizeBytes < 2 ** 20)
    issues.push(source.issue('badValue', ['size'], 'a disk is a multiple of 512 bytes, and at least 1 MiB'));
  for (const [index, volume] of recipe.volumes.entries()) {
    const path = recipe.table === 'none' ? [] : ['partitions', index];
    if (volume.sizeBytes % 4096 !== 0)
      issues.push(source.issue('badValue', [...path, 'size'], 'a volume is a multiple of 4096 bytes'));
    if (recipe.volumes.findIndex(({ name }) => name === volume.name) < index)
      issues.push(source.issue('badValue', [...path, 'name'], `a second partition '${volume.name}'`));
    if (!holdsFiles(volume.filesystem) && (volume.sources.length > 0 || volume.packages)) {
      issues.push(source.issue('badValue', [...path, 'filesystem'], `a volume of ${volume.filesystem} holds no files`));
    }
  }
  if (recipe.table === 'mbr' && recipe.volumes.length > 4)
    issues.push(source.issue('badValue', ['partitions', 4], 'an mbr holds four partitions; take gpt'));
  return issues;
}

function toVolume(
  given: Omit<WholeDisk, 'size' | 'id'> | PartitionText,
  name: string,
  sizeBytes: number,
  disk: string,
  folder: string,
): Volume {
  const { filesystem, label, uuid, deviceMapper, packages, drop } = given;
  const own: Entry[] = [
    ...given.directories.map(({ path, mode, owner: [uid, gid] }): Entry => ({
      kind: 'directory',
      path,
      mode,
      uid,
      gid,
    })),
    ...Object.entries(given.symlinks).map(([path, target]): Entry => ({
      kind: 'symlink',
      path,
      target,
      mode: 0o777,
      uid: 0,
      gid: 0,
    })),
    ...given.devices.map(({ path, type, major, minor, mode, owner: [uid, gid] }): Entry => ({
      kind: 'device',
      path,
      type,
      major,
      minor,
      mode,
      uid,
      gid,
    })),
  ];
  const sources: TreeSource[] = own.length > 0 ? [{ from: 'recipe', entries: own }] : [];
  for (const {
    path,
    text,
    program,
    arch,
    host,
    mode,
    owner: [uid, gid],
  } of given.files) {
    if (text !== undefined)
      sources.push({
        from: 'recipe',
        entries: [{ kind: 'file', path, content: new TextEncoder().encode(text), mode: mode ?? 0o644, uid, gid }],
      });
    if (program !== undefined) sources.push({ from: 'userspace', program, arch, path, mode: mode ?? 0o755 });
    if (host !== undefined)
      sources.push({ from: 'host', hostPath: isAbsolute(host) ? host : resolve(folder, host), path, mode, uid, gid });
  }
  return {
    name,
    sizeBytes,
    filesystem,
    label,
    uuid: uuid ?? fixedUuid(`volume ${disk} ${name}`),
    deviceMapper: deviceMapper.map(({ name: mapped, table }) => ({ name: mapped, table })),
    packages,
    drop,
    sources,
  };
}

/** A UUID that depends on `seed` alone. */
export function fixedUuid(seed: string): string {
  const hex = createHash('sha256').update(`snapback ${seed}`).digest('hex');
  // Version 8 and the usual variant: free for such use.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
