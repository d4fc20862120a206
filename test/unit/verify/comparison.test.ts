// SPDX-License-Identifier: MIT
import t from 'tap';
import { PAGE_BYTES, gpa, pfn } from '../../../emulator/machine/units.js';
import { readBitmap } from '../../../emulator/memory/bitmaps.js';
import { pathOfInode } from '../../../emulator/memory/files.js';
import { direct, kernelU32, physical, type GuestKernel } from '../../../emulator/memory/kernel.js';
import { pageReader } from '../../../emulator/memory/pages.js';
import { compareImages, explain, pointeesOf, type Cause } from '../../../emulator/verify/comparison/images.js';
import { compareContents, contentsOf } from '../../../emulator/verify/comparison/contents.js';
import { FREEZE_ORDER_CAUSES, WORK_CAUSES } from '../../../emulator/verify/comparison/freeze-order.js';
import { I386, X86_64, layoutOf, syntheticKernel, type SyntheticKernel } from '../memory/synthetic-kernel.js';

const LAYOUT = layoutOf(I386);
const { frames, symbol } = syntheticKernel().places;

/** A second machine, in which words of memory are otherwise. */
function other(words: Readonly<Record<number, number>> = {}): SyntheticKernel {
  const made = syntheticKernel();
  for (const [at, value] of Object.entries(words)) made.kernel.memory.data.setUint32(Number(at), value, true);
  return made;
}
const first = other().kernel;
const word = (at: number): number => first.memory.data.getUint32(at, true);
const differences = (words: Readonly<Record<number, number>>) => compareImages(first, other(words).kernel).differences;
/** Of the page table, for the page that a file is mapped to; and where the zone begins that the bitmaps are of. */
const FILE_SLOT = (0x08049000 >>> 12) & 1023;
const ZONE_START = 1;
const page = (frame: number, offset = 0): number => frame * PAGE_BYTES + offset;

t.test('two machines that did the same have equal images', async (t) => {
  const { pages, differences: none } = compareImages(first, other().kernel);
  t.same(none, []);
  t.ok(Object.values(pages).every(({ compared, equal }) => compared === equal));
  t.ok(
    pages.slab.compared > 0 &&
      pages['memory of programs'].compared === 1 &&
      pages['page cache and shared memory'].compared === 1,
  );
});

t.test('what differs is named by its owner, word by word', async (t) => {
  const at = page(frames.slab, 64 * 3 + 12);
  t.same(differences({ [at]: 7, [at + 64]: 8 }), [
    {
      owner: 'slab kmalloc-64',
      words: [
        { at, first: word(at), second: 7, objectByte: 12 },
        { at: at + 64, first: word(at + 64), second: 8, objectByte: 12 },
      ],
    },
  ]);
  t.match(differences({ [page(frames.anonymous)]: 0 }), [{ owner: 'anonymous memory, agent (pid 41)' }]);
  t.match(differences({ [page(frames.stack, 16)]: 0 }), [{ owner: 'kernel stack of agent (pid 41)' }]);
  t.match(differences({ [symbol('do_something')]: 0 }), [{ owner: 'do_something' }]);
  t.same(differences({ [page(frames.free)]: 7 }), [], 'a free page is not in the image');
});

t.test('a page that is in one image only, or has another owner there', async (t) => {
  const mapping = pageReader(first).array.at(pfn(frames.file), 12) ?? 0;
  const names = differences({ [mapping]: 0, [page(frames.userTable, 4 * FILE_SLOT)]: 0 })
    .map(({ owner }) => owner)
    .sort();
  t.match(names, [
    'mem_map: page descriptor',
    /^page cache of inode 77 on dm-0, page 3, agent \(pid 41\), in the other image page of the kernel/,
    'page table of agent (pid 41) for 0x08000000',
  ]);
  const leaf = physical(
    first,
    kernelU32(first, (readBitmap(first, 'orig_bm')?.zones[0]?.leaves[0] ?? 0) + (LAYOUT['rtree_node.data'] ?? 0)),
  );
  const bits = leaf + 4 * Math.floor((frames.stack - ZONE_START) / 32);
  t.match(differences({ [bits]: (word(bits) & ~(1 << ((frames.stack - ZONE_START) % 32))) >>> 0 }), [
    { owner: 'kernel stack of agent (pid 41), in one image only', words: [{ second: undefined }] },
  ]);
});

t.test('causes fit whole names, and words that are near enough', async (t) => {
  const causes: readonly Cause[] = [
    { why: 'moments', owners: /slab kmalloc/, withinMax: 10 },
    { why: 'times', owners: /slab kmalloc-\d+/, withinMax: 10 },
  ];
  const at = page(frames.slab, 64 * 3 + 12);
  const near = explain(differences({ [at]: word(at) + 10, [at + 4]: (word(at + 4) - 3) >>> 0 }), causes);
  t.same([...near.explained], [['times', 2]]);
  t.same(near.unexplained, []);
  const far = explain(differences({ [at]: word(at) + 11 }), causes);
  t.same([...far.explained], []);
  t.match(far.unexplained, [/^gpa 0x\w+: 0x\w{8} and 0x\w{8}: slab kmalloc-64$/]);
  t.same(
    explain([{ owner: 'slab kmalloc-64', words: [{ at: gpa(at), first: 0xffffffff, second: 2 }] }], causes).unexplained,
    [],
    'a count that has passed 2^32',
  );
  t.match(
    explain([{ owner: 'slab kmalloc-64', words: [{ at: gpa(at), first: undefined, second: 2 }] }], causes).unexplained,
    [/not in the image and 0x00000002/],
  );
});

t.test('causes of one field fit only its words', async (t) => {
  const causes: readonly Cause[] = [{ why: 'moments', owners: /slab kmalloc-64/, field: { offset: 12, length: 8 } }];
  const at = page(frames.slab, 64 * 3 + 12);
  const both = explain(differences({ [at]: word(at) ^ 0x5a5a5a5a, [at + 4]: word(at + 4) ^ 1 }), causes);
  t.same([...both.explained], [['moments', 2]]);
  t.same(both.unexplained, []);
  const beside = explain(differences({ [at - 4]: word(at - 4) ^ 1, [at + 8]: word(at + 8) ^ 1 }), causes);
  t.same([...beside.explained], []);
  t.equal(beside.unexplained.length, 2);
});

t.test('causes that are links lead to what they name, or nowhere, in both images', async (t) => {
  const slab = (offset: number): number => 0xc0000000 + page(frames.slab, offset);
  const causes: readonly Cause[] = [{ why: 'links', owners: /slab kmalloc-64/, linksTo: /slab kmalloc-64/ }];
  const unexplained = (firstValue: number | undefined, secondValue: number | undefined): number => {
    const words = [{ at: gpa(page(frames.slab)), first: firstValue, second: secondValue }];
    return explain([{ owner: 'slab kmalloc-64', words }], causes, pointeesOf(first, other().kernel)).unexplained.length;
  };
  t.equal(unexplained(0, slab(64)), 0);
  t.equal(unexplained(1, slab(64) | 1), 0, 'with the colour of a tree in the lowest bit');
  t.equal(unexplained(slab(128), slab(64)), 0);
  t.equal(unexplained(slab(128), 0xc0000000 + page(frames.stack)), 1, 'what it leads to has another owner');
  t.equal(unexplained(2, slab(64)), 1, 'a number is no link');
  t.equal(unexplained(slab(64), 0xfffff000), 1, 'nor is what lies beyond memory');
  t.equal(unexplained(slab(64), 0x08049000), 1, 'nor an address of a program');
  t.equal(unexplained(slab(64), undefined), 1, 'nor what is not in the image');
  t.equal(
    explain([{ owner: 'slab kmalloc-64', words: [{ at: gpa(0), first: 0, second: slab(64) }] }], causes).unexplained
      .length,
    1,
    'nor is anything, for who cannot follow it',
  );
});

t.test('links of a 64-bit kernel are followed whole, from either half', async (t) => {
  const made = (pointer: bigint): GuestKernel => {
    const { kernel, places } = syntheticKernel([], X86_64);
    kernel.memory.data.setBigUint64(places.frames.slab * PAGE_BYTES + 64, pointer, true);
    return kernel;
  };
  const { kernel, places } = syntheticKernel([], X86_64);
  const slab = (offset: number): bigint => BigInt(direct(kernel, gpa(places.frames.slab * PAGE_BYTES + offset)));
  const causes: readonly Cause[] = [{ why: 'links', owners: /slab kmalloc-64/, linksTo: /slab kmalloc-64/ }];
  const unexplained = (a: bigint, b: bigint): number => {
    const [one, two] = [made(a), made(b)];
    return explain(compareImages(one, two).differences, causes, pointeesOf(one, two)).unexplained.length;
  };
  t.equal(unexplained(0n, slab(128)), 0, 'both halves differ');
  t.equal(unexplained(slab(192), slab(128) | 1n), 0, 'with the colour of a tree');
  t.equal(unexplained(slab(192), slab(128) + 2n ** 32n * 4096n), 2, 'the upper half leads elsewhere');
  t.equal(unexplained(0n, 0x0123456789abcdefn), 2, 'no number can hold it, so it is no address');
});

t.test('causes that are text fit printable words in both images, and nothing else', async (t) => {
  const causes: readonly Cause[] = [{ why: 'names', owners: /slab kmalloc-128/, text: true }];
  const unexplained = (firstValue: number | undefined, secondValue: number | undefined): number =>
    explain([{ owner: 'slab kmalloc-128', words: [{ at: gpa(0), first: firstValue, second: secondValue }] }], causes)
      .unexplained.length;
  t.equal(unexplained(0x756f626e, 0x00303a31), 0, 'nbou and 1:0');
  t.equal(unexplained(0x756f626e, 0), 0, 'a text that has ended');
  t.equal(unexplained(0x756f626e, 0xc03ef680), 1, 'an address');
  t.equal(unexplained(0x0a6f626e, 0x756f626e), 1, 'a control character');
  t.equal(unexplained(0x756f626e, undefined), 1, 'a page that is in one image only');
});

t.test(
  'the order of freezing explains nothing that programs and files have, nor what lies about in the kernel',
  async (t) => {
    const words = [{ at: gpa(0x1000), first: 0x01020304, second: 0x81020304 }];
    const explains = (owner: string, causes = FREEZE_ORDER_CAUSES): boolean =>
      explain([{ owner, words }], causes).unexplained.length === 0;
    for (const owner of [
      'anonymous memory, init (pid 1)',
      'page cache of inode 77 on dm-0, page 3',
      'page table of init (pid 1) for 0x08000000',
      'mem_map: page descriptor',
      'slab kmalloc-256',
      'slab kmalloc-512',
      'slab dentry',
      'runqueues',
      'init_net',
      'vmalloc 0xf0000000',
    ])
      t.notOk(explains(owner), owner);
    t.ok(explains('tk_core') && explains('kernel stack of init (pid 1)'));
    t.ok(
      explains('futex (pid 72) at 0x08049000', WORK_CAUSES) &&
        explains(
          'page cache of inode 9 on tmpfs (dev/zero), page 0, anon-shared (pid 52), anon-shared (pid 60)',
          WORK_CAUSES,
        ) &&
        explains('page cache of block device 251:0, page 81', WORK_CAUSES),
    );
    for (const owner of [
      'anon-memory (pid 49) at 0x08049000',
      'page cache of inode 9 on tmpfs (dev/zero), page 0, anon-shared (pid 52), init (pid 1)',
      'page cache of inode 823 on dm-0 (/etc/passwd), page 0',
      'page cache of block device 251:1, page 81',
      'page cache of block device 8:0, page 81',
      'tk_core',
    ])
      t.notOk(explains(owner, WORK_CAUSES), owner);
  },
);

t.test('contents of programs and files, wherever they lie', async (t) => {
  const contents = contentsOf(first);
  t.same([...contents.keys()].sort(), [
    'agent (pid 41) at 0x08048000',
    'agent (pid 41) at 0x08049000',
    'page cache of inode 77 on dm-0 (/agent.c), page 3, agent (pid 41)',
  ]);
  t.same(compareContents(contents, contentsOf(other().kernel)), { pagesCompared: 3, differences: [] });
  t.match(
    compareContents(contents, contentsOf(other({ [page(frames.file, 8)]: 1 }).kernel)).differences.map(
      ({ owner }) => owner,
    ),
    ['agent (pid 41) at 0x08049000', /^page cache of inode 77/],
  );
  const unmapped = contentsOf(other({ [page(frames.userTable, 4 * ((0x08048000 >>> 12) & 1023))]: 0 }).kernel);
  t.match(compareContents(contents, unmapped), {
    pagesCompared: 3,
    differences: [{ owner: 'agent (pid 41) at 0x08048000, in one image only', words: [{ second: undefined }] }],
  });
});

t.test('names of files', async (t) => {
  const inode = pageReader(first).state(pfn(frames.file)).file?.inode ?? 0;
  t.equal(pathOfInode(first, inode), '/agent.c');
});
