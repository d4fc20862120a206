// SPDX-License-Identifier: MIT
/**
 * Compares two images of the same work, given as RAM at their atomic copies. A difference is a page that only one image
 * has, or a word that differs.
 *
 * Both machines are forks of one machine, so that everything that neither has changed since lies in the same frame. A
 * frame that has different owners in the two images is a difference, too.
 */
import { PAGE_BYTES, gpa, gpaOfPfn, pfn, pfnOfGpa, type Gpa } from '../../machine/units.js';
import { physicalIfMapped, readWord, type GuestKernel } from '../../memory/kernel.js';
import { ownerNamer } from '../../memory/owner.js';
import { pageBytes, readU32, isRam, offsetOf } from '../../memory/view.js';
import { accountForPages } from '../memory/account.js';
import { wordComparer } from '../memory/compare.js';

/** Kinds of memory, each with the pattern of its owners' names. The first pattern that matches counts. */
const CLASSES = {
  'page cache and shared memory': /^page cache/,
  'page tables': /^page table/,
  'memory of programs': /^anonymous|^swap cache|\(pid \d+\) at 0x/,
  'kernel stacks': /^kernel stack/,
  slab: /^slab/,
  'page descriptors': /^mem_map/,
  'kernel image': /^[\w.$]+(?:\+0x[0-9a-f]+)?$/,
  'other memory of the kernel': /^/,
} as const;
export type MemoryClass = keyof typeof CLASSES;

/** Words of one owner that differ, or pages of one owner that only one image has. */
export interface ImageDifference {
  /**
   * Name of the owner, without the number of an object: `slab task_struct`, `kernel stack of init (pid 1)`, `tk_core`.
   */
  readonly owner: string;
  readonly words: readonly DifferingWord[];
}

export interface DifferingWord {
  readonly at: Gpa;
  /** What it is in each image; undefined where the page is not in it. */
  readonly first: number | undefined;
  readonly second: number | undefined;
  /**
   * The pointer of a 64-bit kernel that the word is a half of, in each image; NaN for what is no address. Undefined on a 32-bit
   * kernel, where the word itself is one.
   */
  readonly pointer?: { readonly first: number; readonly second: number } | undefined;
  /** Offset from the start of the slab object that it is a part of, in bytes; undefined outside of slab. */
  readonly objectByte?: number | undefined;
}

export interface ImageComparison {
  /** Frames in either image, by their kind of memory in the first one. */
  readonly pages: Readonly<Record<MemoryClass, { readonly compared: number; readonly equal: number }>>;
  readonly differences: readonly ImageDifference[];
}

/** Also of a 64-bit kernel: moments and counts differ in their lower half, and a carry in the upper half is near, too. */
const WORD_BYTES = 4;
const POINTER64_BYTES = 8;

/** Both captures are made at copy:begin. Throws RigError for others. */
export function compareImages(first: GuestKernel, second: GuestKernel): ImageComparison {
  const inFirst = accountForPages(first).inImage;
  const inSecond = accountForPages(second).inImage;
  const nameFirst = ownerNamer(first);
  const nameSecond = ownerNamer(second);
  const equal = wordComparer(first.memory.bytes, second.memory.bytes);
  const pages = Object.fromEntries(Object.keys(CLASSES).map((name) => [name, { compared: 0, equal: 0 }])) as Record<
    MemoryClass,
    { compared: number; equal: number }
  >;
  const words = new Map<string, DifferingWord[]>();
  const differ = (owner: string, word: DifferingWord): void => {
    const known = words.get(owner);
    if (known === undefined) words.set(owner, [word]);
    else known.push(word);
  };
  const ownerAt = (at: Gpa): string => {
    const [a, b] = [kindOf(nameFirst.name(at)), kindOf(nameSecond.name(at))];
    return a === b ? a : `${a}, in the other image ${b}`;
  };

  for (let index = 0; index < first.memory.pageCount; index++) {
    const [a, b] = [inFirst[index] === 1, inSecond[index] === 1];
    if (!a && !b) continue;
    const at = gpaOfPfn(pfn(index));
    const tally = pages[classOf((a ? nameFirst : nameSecond).name(at))];
    tally.compared++;
    if (a !== b)
      differ(`${kindOf((a ? nameFirst : nameSecond).name(at))}, in one image only`, {
        at,
        first: a ? readU32(first.memory, at) : undefined,
        second: b ? readU32(second.memory, at) : undefined,
      });
    else if (!equal(offsetOf(first.memory, at, PAGE_BYTES), offsetOf(first.memory, at, PAGE_BYTES) + PAGE_BYTES))
      for (const word of differingWords(pageBytes(first.memory, pfn(index)), pageBytes(second.memory, pfn(index)), at))
        differ(ownerAt(word.at), {
          ...word,
          ...pointerAt(word.at, first, second),
          objectByte: byteOfObject(nameFirst.name(word.at)),
        });
    else if (nameFirst.name(at) !== nameSecond.name(at))
      differ(ownerAt(at), { at, first: readU32(first.memory, at), second: readU32(second.memory, at) });
    else tally.equal++;
  }
  return { pages, differences: [...words].map(([owner, of]) => ({ owner, words: of })) };
}

function pointerAt(at: Gpa, first: GuestKernel, second: GuestKernel): Pick<DifferingWord, 'pointer'> {
  if (first.addressing.wordBytes !== POINTER64_BYTES) return {};
  const start = gpa(at - (at % POINTER64_BYTES));
  return { pointer: { first: readWord(first, start), second: readWord(second, start) } };
}

function classOf(name: string): MemoryClass {
  const found = (Object.keys(CLASSES) as MemoryClass[]).find((one) => CLASSES[one].test(name));
  return found ?? 'other memory of the kernel';
}

function byteOfObject(name: string): number | undefined {
  const [, byte] = /, byte (\d+) of object \d+$/.exec(name) ?? [];
  return byte === undefined ? undefined : Number(byte);
}

/** The name of an owner without objects, offsets and addresses. */
const kindOf = (name: string): string =>
  name
    .replace(/, byte \d+ of object \d+$/, '')
    .replace(/ of pfn \d+|, entry \d+/, '')
    .replace(/,? ?\+0x[0-9a-f]+$/, '')
    .replace(/ at 0x[0-9a-f]+/g, '');

/** The differing words of two pages; `start` is where the first lies. */
export function* differingWords(one: Uint8Array, other: Uint8Array, start: Gpa): Generator<DifferingWord> {
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [left, right] = [view(one), view(other)];
  for (let offset = 0; offset < PAGE_BYTES; offset += WORD_BYTES) {
    const [first, second] = [left.getUint32(offset, true), right.getUint32(offset, true)];
    if (first !== second) yield { at: gpa(start + offset), first, second };
  }
}

/** Why something differs. */
export interface Cause {
  readonly why: string;
  /** Whole names of owners, as `ImageDifference` has them. */
  readonly owners: RegExp;
  /**
   * The cause applies only to words whose values are at most so far apart: moments, durations and counts of one call.
   */
  readonly withinMax?: number;
  /**
   * Only words that link to something with such an owner, or to nothing, in both images. The lowest bit does not count:
   * red-black trees keep a colour there.
   */
  readonly linksTo?: RegExp;
  /** Only words of one field of slab objects: its offset and its length, in bytes. */
  readonly field?: { readonly offset: number; readonly length: number };
  /** Only words that are part of a text in both images: printable ASCII, filled up with zero bytes. */
  readonly text?: true;
}

/** The owner of the memory at a kernel address, in each of two images; undefined for an address that maps nothing. */
export interface Pointees {
  readonly first: (address: number) => string | undefined;
  readonly second: (address: number) => string | undefined;
}

/** Resolves links for causes that need it. Both captures are those that were compared. */
export function pointeesOf(first: GuestKernel, second: GuestKernel): Pointees {
  const ownerIn = (kernel: GuestKernel): Pointees['first'] => {
    const namer = ownerNamer(kernel);
    return (address) => {
      const at = physicalIfMapped(kernel, address);
      return at !== undefined && isRam(kernel.memory, pfnOfGpa(at)) ? kindOf(namer.name(at)) : undefined;
    };
  };
  return { first: ownerIn(first), second: ownerIn(second) };
}

const NO_POINTEES: Pointees = { first: () => undefined, second: () => undefined };

export interface Explanation {
  /** Differing words by cause. */
  readonly explained: ReadonlyMap<string, number>;
  /** For people, one line each. */
  readonly unexplained: readonly string[];
}

/** Finds for each difference the first cause that fits. */
export function explain(
  differences: readonly ImageDifference[],
  causes: readonly Cause[],
  pointees = NO_POINTEES,
): Explanation {
  const explained = new Map<string, number>();
  const unexplained: string[] = [];
  for (const { owner, words } of differences) {
    const possible = causes.filter(({ owners }) => fitsWhole(owners, owner));
    for (const word of words) {
      const cause = possible.find(
        ({ withinMax = Infinity, linksTo, field, text }) =>
          distance(word) <= withinMax &&
          (field === undefined || isIn(field, word.objectByte)) &&
          (linksTo === undefined || areLinks(word, linksTo, pointees)) &&
          (text === undefined || (isText(word.first) && isText(word.second))),
      );
      if (cause === undefined)
        unexplained.push(`gpa 0x${word.at.toString(16)}: ${hex(word.first)} and ${hex(word.second)}: ${owner}`);
      else explained.set(cause.why, (explained.get(cause.why) ?? 0) + 1);
    }
  }
  return { explained, unexplained };
}

const fitsWhole = (pattern: RegExp, name: string): boolean =>
  new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(name);

const isIn = ({ offset, length }: { readonly offset: number; readonly length: number }, byte = -1): boolean =>
  byte >= offset && byte < offset + length;

function areLinks({ first, second, pointer }: DifferingWord, to: RegExp, pointees: Pointees): boolean {
  const isLink = (address: number | undefined, ownerAt: Pointees['first']): boolean => {
    if (address === undefined || Number.isNaN(address)) return false;
    return address === 0 || address === 1 || fitsWhole(to, ownerAt(address - (address % 2 === 0 ? 0 : 1)) ?? '');
  };
  return pointer === undefined
    ? isLink(first, pointees.first) && isLink(second, pointees.second)
    : isLink(pointer.first, pointees.first) && isLink(pointer.second, pointees.second);
}

function isText(word: number | undefined): boolean {
  if (word === undefined) return false;
  return [0, 8, 16, 24].every((shift) => {
    const byte = (word >>> shift) & 0xff;
    return byte === 0 || (byte >= 0x20 && byte < 0x7f);
  });
}

/** Compares words modulo 2^32, so that a counter may wrap. A page that only one image has is never near. */
function distance({ first, second }: DifferingWord): number {
  if (first === undefined || second === undefined) return Infinity;
  return Math.min((first - second) >>> 0, (second - first) >>> 0);
}

const hex = (word: number | undefined): string =>
  word === undefined ? 'not in the image' : `0x${word.toString(16).padStart(8, '0')}`;
