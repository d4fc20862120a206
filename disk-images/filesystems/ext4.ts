// SPDX-License-Identifier: MIT
/**
 * ext4 by mke2fs, filled by debugfs: a script of commands in the tree's own order. `mke2fs -d` would take owners and
 * the order of names from a folder of the host, which would need root and would not be reproducible.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, RigError } from '../../emulator/machine/errors.js';
import { command } from '../../emulator/host/node/process.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import type { Entry } from '../../emulator/host/node/tree/tree.js';
import type { MakeRequest } from './request.js';
import { IMAGE_TIME_S } from './steady.js';

const REMEDY = 'apt-get install e2fsprogs';

export async function makeExt4({ image, volume, tree, scratch, context }: MakeRequest): Promise<void> {
  // Otherwise the tools would use the host's clock and defaults.
  const env = {
    E2FSPROGS_FAKE_TIME: String(IMAGE_TIME_S),
    MKE2FS_CONFIG: packagePath('disk-images/filesystems/mke2fs.conf'),
    LC_ALL: 'C',
  };
  const extended = `hash_seed=${volume.uuid},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard`;
  const label = volume.label === undefined ? [] : ['-L', volume.label];
  context.progress(`making the ext4 filesystem ${volume.name}`);
  await command('mke2fs', ['-q', '-F', '-t', 'ext4', '-U', volume.uuid, ...label, '-E', extended, image], context, {
    env,
    remedy: REMEDY,
  });
  if (tree.length === 0) return;
  context.progress(`filling the ext4 filesystem ${volume.name}`);
  const { script, files } = debugfsScript(tree, scratch);
  for (const [path, content] of files) await writeFile(path, content);
  const scriptPath = join(scratch, 'debugfs.txt');
  await writeFile(scriptPath, script);
  const { stdout, stderr } = await command('debugfs', ['-w', '-f', scriptPath, image], context, {
    env,
    remedy: REMEDY,
  });
  // debugfs continues after an error and ends with status 0, so any unexpected output is an error.
  const complaint = `${stderr}\n${stdout}`
    .split('\n')
    .find((line) => line !== '' && !/^(?:debugfs(?: \d|: )|Allocated inode: )/.test(line));
  if (complaint !== undefined) {
    const full = /could not allocate|no free/i.test(complaint);
    if (full)
      throw new InputError(`volume ${volume.name} of ${volume.sizeBytes} bytes is too small for its files`, {
        remedy: 'give it a larger size in the recipe',
      });
    throw new RigError(`debugfs could not fill ${volume.name}: ${complaint}`);
  }
}

/** The commands that make this tree, and the files on the host with the contents. */
export function debugfsScript(
  tree: readonly Entry[],
  scratch: string,
): { readonly script: string; readonly files: ReadonlyMap<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  const lines: string[] = [];
  let folder: string | undefined;
  for (const [index, entry] of tree.entries()) {
    const slash = entry.path.lastIndexOf('/');
    const parent = `/${entry.path.slice(0, Math.max(0, slash))}`;
    const name = quote(entry.path.slice(slash + 1));
    // Commands get names in the current folder, because some of them accept no paths.
    if (parent !== folder) lines.push(`cd ${quote(parent)}`);
    folder = parent;
    switch (entry.kind) {
      case 'directory':
        // mke2fs has already made this folder.
        if (entry.path !== 'lost+found') lines.push(`mkdir ${name}`);
        break;
      case 'file': {
        const source = join(scratch, `content-${index}`);
        files.set(source, entry.content);
        lines.push(`write ${quote(source)} ${name}`);
        break;
      }
      case 'symlink':
        lines.push(`symlink ${name} ${quote(entry.target)}`);
        break;
      case 'device':
        lines.push(`mknod ${name} ${entry.type === 'char' ? 'c' : 'b'} ${entry.major} ${entry.minor}`);
        break;
      case 'fifo':
        lines.push(`mknod ${name} p`);
        break;
    }
    const type = {
      file: 0o100000,
      directory: 0o040000,
      symlink: 0o120000,
      fifo: 0o010000,
      device: entry.kind === 'device' && entry.type === 'block' ? 0o060000 : 0o020000,
    }[entry.kind];
    lines.push(
      `sif ${name} mode 0${(type | entry.mode).toString(8)}`,
      `sif ${name} uid ${entry.uid}`,
      `sif ${name} gid ${entry.gid}`,
    );
  }
  return { script: `${lines.join('\n')}\n`, files };
}

/** A word for debugfs: in quotes, with quotes inside doubled. */
function quote(word: string): string {
  if (/[\n\0]/.test(word))
    throw new InputError(`the name ${JSON.stringify(word)} has a line break in it`, { remedy: 'rename the file' });
  return `"${word.replaceAll('"', '""')}"`;
}
