// SPDX-License-Identifier: MIT
/** Names of files, as far as the kernel has them in memory. */
import { kernelWord, physical, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { readString } from './view.js';

const NAME_BYTES_MAX = 256;
const DEPTH_MAX = 64;

/**
 * A path of the file whose `struct inode` lies at a kernel address, from the root of its own filesystem, or the bare name that the
 * kernel gave a file without a place (`dev/zero`, `[aio]`); undefined when no name is in memory.
 */
export function pathOfInode(kernel: GuestKernel, inode: number): string | undefined {
  const { layout, memory } = kernel;
  const field = (at: number, name: string): number => kernelWord(kernel, at, constant(layout, name));
  const alias = field(inode, 'inode.i_dentry');
  if (alias === 0) return undefined;
  let path = '';
  let dentry = alias - constant(layout, 'dentry.d_alias');
  for (let depth = 0; depth < DEPTH_MAX; depth++) {
    const name = readString(memory, physical(kernel, field(dentry, 'dentry.d_name_name')), NAME_BYTES_MAX);
    const parent = field(dentry, 'dentry.d_parent');
    if (parent === dentry) return depth === 0 ? name : path;
    path = `/${name}${path}`;
    dentry = parent;
  }
  return path;
}
