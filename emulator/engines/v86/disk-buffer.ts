// SPDX-License-Identifier: MIT
/**
 * A disk as v86's IDE device wants it: a shared base that is never written, the machine's own blocks
 * over it, and every write reported. All transfers complete within the call, so that no disk
 * operation is under way at a tick boundary.
 */
import type { DiskConfig } from '../../machine/contract.js';
import { SECTOR_BYTES, sector, type Sector } from '../../machine/units.js';

const BLOCK_BYTES = 4096;

export interface V86DiskBuffer {
  readonly byteLength: number;
  onload: ((event: { buffer: undefined }) => void) | undefined;
  load(): void;
  get(offset: number, lengthBytes: number, done: (bytes: Uint8Array) => void): void;
  get_and_cache(offset: number, lengthBytes: number, done: (bytes: Uint8Array) => void): void;
  get_from_cache(offset: number, lengthBytes: number): Uint8Array;
  set(offset: number, bytes: Uint8Array, done: () => void): void;
  get_buffer(done: (buffer: undefined) => void): void;
  get_state(): readonly never[];
  set_state(): void;
}

/** Blocks that differ from what the config gave, by index (of 4096 bytes; the last may be short). */
export type OwnBlocks = ReadonlyMap<number, Uint8Array>;

export interface Disk {
  readonly buffer: V86DiskBuffer;
  /** Writes completed since power-on. */
  writeCount(): number;
  readBytes(offset: number, lengthBytes: number): Uint8Array;
  save(): { readonly writeCount: number; readonly blocks: OwnBlocks };
  load(state: { readonly writeCount: number; readonly blocks: OwnBlocks }): void;
}

export interface DiskEvents {
  /** How many sectors of this write may land; fewer than all means that power fails here. */
  readonly sectorsAllowed: (index: number, sectors: number) => number;
  /** The write has landed, as far as it was allowed to. May throw to stop the machine. */
  readonly written: (index: number, at: Sector, bytes: Uint8Array) => void;
}

export function createDisk(config: DiskConfig, events: DiskEvents): Disk {
  const { base } = config;
  const byteLength = base.byteLength;
  const slots = new Int32Array(Math.ceil(byteLength / BLOCK_BYTES)).fill(-1);
  const blocks: Uint8Array[] = [];
  /** Blocks from here on are the machine's own, not the config's overlay. */
  const own = new Set<number>();
  let writeCount = 0;

  const writableBlock = (index: number): Uint8Array => {
    const slot = slots[index] ?? -1;
    const present = blocks[slot];
    if (present) return present;
    const start = index * BLOCK_BYTES;
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(base.subarray(start, Math.min(start + BLOCK_BYTES, byteLength)));
    slots[index] = blocks.push(block) - 1;
    return block;
  };

  const overwrite = (offset: number, bytes: Uint8Array, note?: Set<number>): void => {
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const index = Math.floor(at / BLOCK_BYTES);
      const within = at % BLOCK_BYTES;
      const piece = bytes.subarray(done, done + BLOCK_BYTES - within);
      writableBlock(index).set(piece, within);
      note?.add(index);
      done += piece.length;
    }
  };

  const readBytes = (offset: number, lengthBytes: number): Uint8Array => {
    const result = new Uint8Array(lengthBytes);
    result.set(base.subarray(offset, offset + lengthBytes));
    for (let at = offset - (offset % BLOCK_BYTES); at < offset + lengthBytes; at += BLOCK_BYTES) {
      const block = blocks[slots[at / BLOCK_BYTES] ?? -1];
      if (!block) continue;
      const from = Math.max(at, offset);
      const to = Math.min(at + BLOCK_BYTES, offset + lengthBytes);
      result.set(block.subarray(from - at, to - at), from - offset);
    }
    return result;
  };

  const read = (offset: number, lengthBytes: number, done: (bytes: Uint8Array) => void): void => done(readBytes(offset, lengthBytes));

  for (const write of config.overlay ?? []) overwrite(write.sector * SECTOR_BYTES, write.bytes);

  // Without a prototype: v86 logs plain objects that it meets in a state.
  const buffer: V86DiskBuffer = Object.assign(Object.create(null) as object, {
    byteLength,
    onload: undefined as V86DiskBuffer['onload'],
    load(this: V86DiskBuffer) {
      this.onload?.({ buffer: undefined });
    },
    get: read,
    get_and_cache: read,
    get_from_cache: readBytes,
    set(offset: number, bytes: Uint8Array, done: () => void) {
      const index = writeCount;
      const allowed = events.sectorsAllowed(index, bytes.length / SECTOR_BYTES);
      const landed = bytes.slice(0, allowed * SECTOR_BYTES);
      overwrite(offset, landed, own);
      if (landed.length > 0) writeCount++;
      events.written(index, sector(offset / SECTOR_BYTES), landed);
      done();
    },
    get_buffer: (done: (buffer: undefined) => void) => done(undefined),
    get_state: () => [],
    set_state: () => undefined,
  });

  return {
    buffer,
    writeCount: () => writeCount,
    readBytes,
    save: () => ({ writeCount, blocks: new Map([...own].sort((a, b) => a - b).map((index) => [index, writableBlock(index)])) }),
    load(state) {
      writeCount = state.writeCount;
      for (const [index, bytes] of state.blocks) {
        writableBlock(index).set(bytes);
        own.add(index);
      }
    },
  };
}
