// SPDX-License-Identifier: MIT
/** What became of each page, for pictures. */
import t from 'tap';
import { pfn } from '../../../emulator/machine/units.js';
import { kindReader } from '../../../emulator/memory/kinds.js';
import { accountForPages, notInImage, OMISSIONS } from '../../../emulator/verify/memory/account.js';
import { fatesOf, PAGE_FATES } from '../../../emulator/verify/memory/fates.js';
import { I386, syntheticKernel, X86_64 } from '../memory/synthetic-kernel.js';

for (const machine of [I386, X86_64])
  t.test(machine === I386 ? 'i386' : 'x86_64', async (t) => {
    const frame = syntheticKernel([], machine).places.frames.anonymous;
    const { kernel } = syntheticKernel([frame], machine);
    const account = accountForPages(kernel);
    const { memory } = kernel;
    const count = (fates: Uint8Array, of: (typeof PAGE_FATES)[number]): number =>
      fates.reduce((sum, fate) => sum + (PAGE_FATES[fate] === of ? 1 : 0), 0);

    const fates = fatesOf(memory, account, {});
    t.equal(PAGE_FATES[fates[frame] ?? 0], 'preserved');
    t.equal(count(fates, 'preserved'), 1);
    t.equal(count(fates, 'free'), account.omitted.free);
    t.equal(count(fates, 'held'), account.omitted.imageCopy + account.omitted.imageBitmap + account.omitted.rollback);
    const inImage = account.inImage.reduce((sum, bit) => sum + bit, 0);
    t.equal(count(fates, 'copied') + count(fates, 'zeros') + 1, inImage);
    t.ok(count(fates, 'copied') > 0 && count(fates, 'zeros') > 0, 'both are there');
    const others = account.lost.length + account.superfluous.length;
    t.equal(count(fates, 'differing'), others);

    const unmapped = new Uint8Array(memory.pageCount);
    unmapped[frame] = 1;
    t.equal(PAGE_FATES[fatesOf(memory, account, { unmapped })[frame] ?? 0], 'written', 'its program has another page');
    const copied = fates.indexOf(PAGE_FATES.indexOf('copied'));
    const differing = fatesOf(memory, account, { differing: [copied] });
    t.equal(PAGE_FATES[differing[copied] ?? 0], 'differing');
    t.equal(count(differing, 'differing'), others + 1);
  });

t.test('why a page is not in the image', async (t) => {
  const { kernel, places } = syntheticKernel();
  const account = accountForPages(kernel);
  const { free, copy, nosave, nosaveRegion, firmware, slab } = places.frames;
  const why = (frame: number): string | undefined => notInImage(account, pfn(frame));
  t.same([free, copy[0] ?? 0, nosave, nosaveRegion, firmware, slab].map(why), [
    OMISSIONS.free,
    OMISSIONS.imageCopy,
    OMISSIONS.nosaveSection,
    OMISSIONS.nosaveRegion,
    OMISSIONS.firmware,
    undefined,
  ]);
  const inImage = account.inImage.slice();
  inImage[slab] = 0;
  t.equal(notInImage({ ...account, inImage }, pfn(slab)), 'no reason was found', 'a page that is lost');
});

t.test('pages that no page table has', async (t) => {
  const { kernel, places, descriptor } = syntheticKernel();
  const reader = kindReader(kernel);
  const contents = (): readonly Uint8Array[] =>
    reader.pieces.map(({ at, lengthBytes }) => kernel.memory.bytes.slice(at, at + lengthBytes));
  const { anonymous } = places.frames;
  const countAt = descriptor(anonymous) + 24;
  for (const [byte, unmapped] of [
    [0xff, 1],
    [0, 0],
  ] as const) {
    kernel.memory.bytes.fill(byte, countAt, countAt + 4);
    t.equal(reader.unmapped(contents())[anonymous], unmapped);
  }
});
