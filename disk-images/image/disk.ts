// SPDX-License-Identifier: MIT
/** Joins volumes to the image file of a disk. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { command } from '../../emulator/host/node/process.js';
import { makeVolume } from '../filesystems/make.js';
import { fixedUuid } from '../recipe/read.js';
import type { Recipe, Volume } from '../recipe/recipe.js';
import type { Entry } from '../../emulator/host/node/tree/tree.js';
import { placePartitions } from './layout.js';
import { copyContent, indexImage, type Ranges } from './ranges.js';

/** Makes the disk of `recipe` at `path`, as a sparse file with its list of ranges beside it. */
export async function makeDisk(
  recipe: Recipe,
  trees: readonly (readonly Entry[])[],
  path: string,
  scratch: string,
  context: BuildContext,
): Promise<void> {
  for (const [index, volume] of recipe.volumes.entries()) {
    const own = join(scratch, `volume-${index}`);
    await mkdir(own);
    await makeVolume({
      image: join(scratch, `volume-${index}.img`),
      volume,
      tree: trees[index] ?? [],
      scratch: own,
      context,
    });
    await rm(own, { recursive: true });
  }
  context.progress(`putting disk ${recipe.name} together`);
  if (recipe.table === 'none') {
    await rename(join(scratch, 'volume-0.img'), path);
    await indexImage(path);
  } else await indexImage(path, await makePartitions(recipe, recipe.table, path, scratch, context));
}

/** Returns the ranges of the disk that can be other than zero. */
async function makePartitions(
  recipe: Recipe,
  table: 'gpt' | 'mbr',
  path: string,
  scratch: string,
  context: BuildContext,
): Promise<Ranges> {
  const disk = await open(path, 'wx');
  await disk.truncate(recipe.sizeBytes);
  await disk.close();
  await command('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', '--wipe', 'never', path], context, {
    input: sfdiskScript(recipe, table),
    env: { LC_ALL: 'C' },
    remedy: 'apt-get install fdisk',
  });
  const places = placePartitions(
    recipe.sizeBytes,
    table,
    recipe.volumes.map(({ sizeBytes }) => sizeBytes),
  );
  const last = places.at(-1);
  const end = last ? last.offsetBytes + last.lengthBytes : 0;
  const ranges: (readonly [number, number])[] = [[0, places[0]?.offsetBytes ?? 0]];
  for (const [index, place] of places.entries())
    ranges.push(...(await copyContent(join(scratch, `volume-${index}.img`), path, place.offsetBytes)));
  // The second copy of a GPT.
  return [...ranges, [end, recipe.sizeBytes - end]];
}

/** The input for sfdisk. It contains every identifier, so that sfdisk generates none. */
export function sfdiskScript(recipe: Recipe, table: 'gpt' | 'mbr'): string {
  const places = placePartitions(
    recipe.sizeBytes,
    table,
    recipe.volumes.map(({ sizeBytes }) => sizeBytes),
  );
  const lines = recipe.volumes.map((volume, index) => {
    const place = places[index] ?? { offsetBytes: 0, lengthBytes: 0 };
    const type = partitionType(volume, table);
    const identity =
      table === 'gpt' ? `, uuid=${fixedUuid(`partition ${recipe.name} ${volume.name}`)}, name="${volume.name}"` : '';
    return `start=${place.offsetBytes / 512}, size=${place.lengthBytes / 512}, type=${type}${identity}`;
  });
  const head = [
    `label: ${table === 'gpt' ? 'gpt' : 'dos'}`,
    `label-id: ${table === 'gpt' ? recipe.diskId : `0x${recipe.diskId}`}`,
    'unit: sectors',
  ];
  return `${[...head, '', ...lines].join('\n')}\n`;
}

function partitionType({ filesystem }: Volume, table: 'gpt' | 'mbr'): string {
  if (table === 'mbr') return filesystem === 'swap' ? '82' : filesystem === 'vfat' ? 'c' : '83';
  if (filesystem === 'swap') return '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F';
  if (filesystem === 'vfat') return 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';
  return '0FC63DAF-8483-4772-8E79-3D69D8477DE4';
}
