// SPDX-License-Identifier: MIT
/** The contents of a disk that a machine uses: a shared base that is never written, and the blocks written over it. */
import type { DiskConfig, DiskWrite } from '../machine/contract.js';
import { SECTOR_BYTES } from '../machine/units.js';
import { filler } from './pieces.js';

const BLOCK_BYTES = 4096;
/** Blocks are allocated from slabs of this many. */
const SLAB_BLOCKS = 256;
const IN_BASE = -1;
const FIRST_LENT = -2;

/** Blocks of 4096 bytes (the last may be shorter) that differ from the disk of the config, by index. */
export type OwnBlocks = ReadonlyMap<number, Uint8Array>;

export interface DiskBlocks {
  readonly byteLength: number;
  /** Applies writes of earlier machines to the base, as part of the config. Call it before any read or write. */
  lay(overlay: readonly DiskWrite[]): void;
  /** A view where the base has not been overwritten, else a copy. */
  read(offset: number, lengthBytes: number): Uint8Array;
  write(offset: number, bytes: Uint8Array): void;
  /** The blocks that {@link DiskBlocks.write} or {@link DiskBlocks.restore} changed. */
  own(): OwnBlocks;
  restore(blocks: OwnBlocks): void;
}

export function createBlocks(config: DiskConfig): DiskBlocks {
  const { base } = config;
  const fill = filler(base);
  const byteLength = base.byteLength;
  const blockCount = Math.ceil(byteLength / BLOCK_BYTES);
  /** The place of each block: >= 0 is a block number in the slabs, -1 is the base, -2 - index is an entry of `lent`. */
  const slots = new Int32Array(blockCount).fill(IN_BASE);
  /** Blocks of the overlay in the caller's memory: they are copied only when the machine writes to them. */
  const lent: Uint8Array[] = [];
  /** Marks blocks that the machine has written, in contrast to blocks of the config's overlay. */
  const own = new Uint8Array(blockCount);
  const slabs: Uint8Array[] = [];
  let used = 0;

  const stored = (slot: number): Uint8Array => {
    if (slot <= FIRST_LENT) return lent[FIRST_LENT - slot] as Uint8Array;
    const at = (slot % SLAB_BLOCKS) * BLOCK_BYTES;
    return (slabs[Math.floor(slot / SLAB_BLOCKS)] as Uint8Array).subarray(at, at + BLOCK_BYTES);
  };

  /** The block, prepared for writing. Its contents are copied unless the caller replaces all of them. */
  const writableBlock = (index: number, replaced: boolean): Uint8Array => {
    const slot = slots[index] ?? IN_BASE;
    if (slot >= 0) return stored(slot);
    if (used % SLAB_BLOCKS === 0) slabs.push(new Uint8Array(SLAB_BLOCKS * BLOCK_BYTES));
    slots[index] = used;
    const block = stored(used++);
    if (!replaced && slot === IN_BASE) fill?.(index * BLOCK_BYTES, BLOCK_BYTES);
    if (!replaced)
      block.set(
        slot === IN_BASE
          ? base.subarray(index * BLOCK_BYTES, Math.min((index + 1) * BLOCK_BYTES, byteLength))
          : stored(slot),
      );
    return block;
  };

  const overwrite = (offset: number, bytes: Uint8Array, isOwn: boolean): void => {
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      const index = Math.floor(at / BLOCK_BYTES);
      const within = at % BLOCK_BYTES;
      const piece = bytes.subarray(done, done + BLOCK_BYTES - within);
      if (!isOwn && piece.length === BLOCK_BYTES) slots[index] = FIRST_LENT - (lent.push(piece) - 1);
      else writableBlock(index, piece.length === BLOCK_BYTES).set(piece, within);
      if (isOwn) own[index] = 1;
      done += piece.length;
    }
  };

  const lay = (overlay: readonly DiskWrite[]): void => {
    for (const write of overlay) overwrite(write.sector * SECTOR_BYTES, write.bytes, false);
  };
  lay(config.overlay ?? []);

  return {
    byteLength,
    lay,
    read(offset, lengthBytes) {
      const end = offset + lengthBytes;
      // Before anything of the base is copied.
      if (fill)
        for (let index = Math.floor(offset / BLOCK_BYTES); index * BLOCK_BYTES < end; index++)
          if (slots[index] === IN_BASE) fill(index * BLOCK_BYTES, BLOCK_BYTES);
      let result: Uint8Array | undefined;
      for (let index = Math.floor(offset / BLOCK_BYTES); index * BLOCK_BYTES < end; index++) {
        const slot = slots[index] ?? IN_BASE;
        if (slot === IN_BASE) continue;
        result ??= new Uint8Array(base.subarray(offset, end));
        const at = index * BLOCK_BYTES;
        const from = Math.max(at, offset);
        result.set(stored(slot).subarray(from - at, Math.min(at + BLOCK_BYTES, end) - at), from - offset);
      }
      return result ?? base.subarray(offset, end);
    },
    write: (offset, bytes) => overwrite(offset, bytes, true),
    own() {
      const blocks = new Map<number, Uint8Array>();
      own.forEach((isOwn, index) => {
        if (isOwn === 1) blocks.set(index, writableBlock(index, false));
      });
      return blocks;
    },
    restore(blocks) {
      for (const [index, bytes] of blocks) {
        writableBlock(index, true).set(bytes);
        own[index] = 1;
      }
    },
  };
}
