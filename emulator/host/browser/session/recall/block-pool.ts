// SPDX-License-Identifier: MIT
/** Blocks of bytes by their content: each is held once, however many lists of blocks have it. */
import type { ByteRange } from '../../../../disks/sparse.js';
import { wordsOf } from '../../../../machine/bytes.js';

export const BLOCK_BYTES = 4096;
const BLOCK_WORDS = BLOCK_BYTES / 4;
/** Blocks are allocated from slabs of this many. */
const SLAB_BLOCKS = 256;
/** How far behind the last block that two lists had in common the next one is looked for. */
const WINDOW_BLOCKS = 64;
/** And how far where it is known to be in the pool. Pages of zeros are everywhere, and need not be looked for through all of a list. */
const REACH_BLOCKS = 2048;

/** The blocks of some bytes, in their order, by their numbers in the pool. The last block may be longer than the rest of the bytes. */
export type BlockList = Int32Array;

export interface BlockPool {
  /**
   * Holds all blocks of `bytes`. The answer has to be released.
   * @param like a list of nearly the same blocks, which are compared first.
   * @param used the ranges (from, to, ascending) outside of which all is zero. The rest is not read: memory that nobody has touched takes
   * a browser as long to read as to write.
   */
  readonly hold: (bytes: Uint8Array, like?: BlockList, used?: readonly ByteRange[]) => BlockList;
  /** A block that no list has any more is forgotten. */
  readonly release: (blocks: BlockList) => void;
  /** Writes the bytes of a list to `bytes`, which is as long as what was held. `isNew`: it is zero. */
  readonly read: (blocks: BlockList, bytes: Uint8Array, isNew?: boolean) => void;
  /** Size of all blocks that are held. */
  readonly bytes: () => number;
}

/** `hashOf`: of the words of a block. Two blocks with the same hash are compared, and both are held if they differ. */
export function createBlockPool(hashOf: (block: Int32Array) => number = blockHash): BlockPool {
  const slabs: Int32Array[] = [];
  const free: number[] = [];
  /** Per block: the number of lists that have it, and its hash. */
  const uses: number[] = [];
  const hashes: number[] = [];
  const byHash = new Map<number, number>();
  const last = new Int32Array(BLOCK_WORDS);
  /** The block of zeros, of which a memory has many. It stays when no list has it. */
  let zeros: number | undefined;

  const isSame = (block: number, words: Int32Array): boolean => {
    const slab = slabs[Math.floor(block / SLAB_BLOCKS)] as Int32Array;
    const at = (block % SLAB_BLOCKS) * BLOCK_WORDS;
    for (let word = 0; word < BLOCK_WORDS; word++) if (slab[at + word] !== words[word]) return false;
    return true;
  };
  const contentOf = (block: number): Int32Array => {
    const at = (block % SLAB_BLOCKS) * BLOCK_WORDS;
    return (slabs[Math.floor(block / SLAB_BLOCKS)] as Int32Array).subarray(at, at + BLOCK_WORDS);
  };
  const room = (): number => {
    if (free.length === 0) {
      const first = slabs.length * SLAB_BLOCKS;
      slabs.push(new Int32Array(SLAB_BLOCKS * BLOCK_WORDS));
      for (let block = first + SLAB_BLOCKS - 1; block >= first; block--) free.push(block);
    }
    return free.pop() as number;
  };
  const add = (words: Int32Array, hash: number): number => {
    const block = room();
    contentOf(block).set(words);
    uses[block] = 0;
    hashes[block] = hash;
    if (!byHash.has(hash)) byHash.set(hash, block);
    return block;
  };

  return {
    hold(bytes, like = new Int32Array(0), used = [[0, bytes.length]]) {
      const blocks = new Int32Array(Math.ceil(bytes.length / BLOCK_BYTES));
      const whole = wordsOf(bytes);
      /** In `like`, behind the last block that was the same. */
      let next = 0;
      let range = 0;
      for (let index = 0; index < blocks.length; index++) {
        let words = whole.subarray(index * BLOCK_WORDS, (index + 1) * BLOCK_WORDS);
        if ((index + 1) * BLOCK_BYTES > bytes.length) {
          last.fill(0);
          new Uint8Array(last.buffer).set(bytes.subarray(index * BLOCK_BYTES));
          words = last;
        }
        let found: number | undefined;
        while ((used[range]?.[1] ?? Infinity) <= index * BLOCK_BYTES) range += 1;
        const isUsed = (used[range]?.[0] ?? Infinity) < (index + 1) * BLOCK_BYTES;
        if (!isUsed || isZero(words)) {
          zeros ??= add(ZEROS, hashOf(ZEROS));
          found = zeros;
          if (like[next] === zeros) next += 1;
        }
        const end = Math.min(next + WINDOW_BLOCKS, like.length);
        for (let at = next; at < end && found === undefined; at++) {
          const block = like[at] as number;
          if (!isSame(block, words)) continue;
          found = block;
          next = at + 1;
        }
        if (found === undefined) {
          const hash = hashOf(words);
          const known = byHash.get(hash);
          if (known !== undefined && isSame(known, words)) {
            found = known;
            // Where more blocks than the window has have changed, the lists meet again here.
            const at = like.subarray(next, next + REACH_BLOCKS).indexOf(known);
            if (at >= 0) next += at + 1;
          } else found = add(words, hash);
        }
        uses[found] = (uses[found] ?? 0) + 1;
        blocks[index] = found;
      }
      return blocks;
    },
    release(blocks) {
      for (const block of blocks) {
        const left = (uses[block] ?? 0) - 1;
        uses[block] = left;
        if (left > 0 || block === zeros) continue;
        const hash = hashes[block] as number;
        if (byHash.get(hash) === block) byHash.delete(hash);
        free.push(block);
      }
    },
    read(blocks, bytes, isNew = false) {
      blocks.forEach((block, index) => {
        // A page of new memory that is not written takes no time, and no memory.
        if (isNew && block === zeros) return;
        const words = contentOf(block);
        const at = index * BLOCK_BYTES;
        const content = new Uint8Array(words.buffer, words.byteOffset, Math.min(BLOCK_BYTES, bytes.length - at));
        bytes.set(content, at);
      });
    },
    bytes: () =>
      (slabs.length * SLAB_BLOCKS - free.length - (zeros !== undefined && uses[zeros] === 0 ? 1 : 0)) * BLOCK_BYTES,
  };
}

const ZEROS = new Int32Array(BLOCK_WORDS);
const isZero = (words: Int32Array): boolean => {
  for (let word = 0; word < BLOCK_WORDS; word++) if (words[word] !== 0) return false;
  return true;
};

/** 53 bits of a hash that is good enough to find a block again, and fast. */
function blockHash(words: Int32Array): number {
  let one = 0x811c9dc5;
  let two = 0x9747b28c;
  for (let at = 0; at < BLOCK_WORDS; at += 2) {
    one = Math.imul(one ^ (words[at] as number), 0x01000193);
    one ^= one >>> 15;
    two = Math.imul(two ^ (words[at + 1] as number), 0x85ebca6b);
    two ^= two >>> 13;
  }
  one = Math.imul(one ^ two, 0xc2b2ae35);
  return (one >>> 0) * 0x200000 + ((two ^ (one >>> 16)) >>> 11);
}
