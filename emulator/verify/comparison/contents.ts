// SPDX-License-Identifier: MIT
/**
 * Compares what programs and files have in memory: by program and address, and by file and offset. The physical place
 * does not count. This is for two images of work that ran until it was frozen, because that work has different frames
 * in each image.
 */
import { gpa, gpaOfPfn, pfn, type Gpa } from '../../machine/units.js';
import { pathOfInode } from '../../memory/files.js';
import { symbolGpa, type GuestKernel } from '../../memory/kernel.js';
import { ownerNamer } from '../../memory/owner.js';
import { pageReader } from '../../memory/pages.js';
import { tasks, userMaps } from '../../memory/tasks.js';
import { hexVa, isRam, pageBytes } from '../../memory/view.js';
import { differingWords, type ImageDifference } from './images.js';

/**
 * Page by page: `children (pid 53) at 0x0804a000`, `page cache of inode 12 on dm-0 (/root/file), page 3, children (pid
 * 53)`.
 */
export type Contents = ReadonlyMap<string, { readonly gpa: Gpa; readonly bytes: Uint8Array }>;

/** Pages that the kernel shows to programs, such as the one with the time, belong to the kernel. */
export function contentsOf(kernel: GuestKernel): Contents {
  const { memory } = kernel;
  const image = { start: symbolGpa(kernel, '_text'), end: symbolGpa(kernel, '_end') };
  const { byFrame } = userMaps(kernel, tasks(kernel));
  const pages = pageReader(kernel);
  const namer = ownerNamer(kernel);
  const found = new Map<string, { gpa: Gpa; bytes: Uint8Array }>();
  for (let index = 0; index < memory.pageCount; index++) {
    const frame = pfn(index);
    const at = gpaOfPfn(frame);
    if (!isRam(memory, frame)) continue;
    if (at >= image.start && at < image.end) continue;
    const content = { gpa: at, bytes: pageBytes(memory, frame) };
    const users = byFrame.get(frame) ?? [];
    for (const { task, address } of users) found.set(`${task.comm} (pid ${task.pid}) at ${hexVa(address)}`, content);
    const { file } = pages.state(frame);
    if (file === undefined || file.inode === 0) continue;
    const programs = [...new Set(users.map(({ task }) => `${task.comm} (pid ${task.pid})`))].sort();
    // Without who maps it: that follows, each of them once.
    const [name = ''] = namer.name(at).split(', ', 1);
    const path = name.includes(' inode ') ? pathOfInode(kernel, file.inode) : undefined;
    found.set(
      [`${name}${path === undefined ? '' : ` (${path})`}`, `page ${file.index}`, ...programs].join(', '),
      content,
    );
  }
  return found;
}

/** Each page that only one of the images has, or that has different contents in them. */
export function compareContents(
  first: Contents,
  second: Contents,
): { readonly pagesCompared: number; readonly differences: readonly ImageDifference[] } {
  const owners = [...new Set([...first.keys(), ...second.keys()])];
  const differences = owners.flatMap((owner): ImageDifference[] => {
    const [a, b] = [first.get(owner), second.get(owner)];
    if (a === undefined || b === undefined)
      return [
        {
          owner: `${owner}, in one image only`,
          words: [{ at: (a ?? b)?.gpa ?? gpa(0), first: a && 0, second: b && 0 }],
        },
      ];
    const words = [...differingWords(a.bytes, b.bytes, a.gpa)];
    return words.length === 0 ? [] : [{ owner, words }];
  });
  return { pagesCompared: owners.length, differences };
}
