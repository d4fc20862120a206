// SPDX-License-Identifier: MIT
/**
 * A disk as a guest uses it: which requests succeed, and how much of a write lands. All engines share these rules.
 */
import type { DiskConfig, DiskFailure } from '../machine/contract.js';
import { SECTOR_BYTES, sector, type Sector } from '../machine/units.js';
import { createBlocks, type DiskBlocks } from './blocks.js';

/** What an engine does at the writes of a guest. `Outcome` is what it makes of a write that has reached the disk. */
export interface DiskEvents<Outcome> {
  /** Write number `index` has come. What a trigger says of it may make it fail. */
  readonly beforeWrite: (index: number) => void;
  /** The number of sectors of this write that may reach the disk. Fewer than all means that power fails here. */
  readonly sectorsAllowed: (index: number, sectors: number, at: Sector) => number;
  /** Called when the allowed part of the write has reached the disk. `bytes` is a view of the write's. */
  readonly written: (index: number, at: Sector, bytes: Uint8Array) => Outcome;
  /** A flush has completed. */
  readonly flushed: () => void;
}

export interface GuestDisk<Outcome> extends Pick<DiskBlocks, 'byteLength' | 'lay'> {
  /** A view where the base has not been overwritten, else a copy. */
  read(offset: number, lengthBytes: number): Uint8Array | 'failed';
  write(offset: number, bytes: Uint8Array): Outcome | 'failed';
  flush(): 'done' | 'failed';
  /** Makes requests fail from now on. */
  fail(failure: DiskFailure): void;
  /** The number of requests that have failed since power-on. */
  failedCount(): number;
  /** Writes since power-on that have failed, or of which anything has reached the disk. */
  writeCount(): number;
  /** The last writes that are only in a volatile cache. */
  unflushedCount(): number;
  /** Whatever the disk's failures are. */
  content(offset: number, lengthBytes: number): Uint8Array;
  save(): GuestDiskState;
  load(state: GuestDiskState): void;
}

export interface GuestDiskState {
  readonly writeCount: number;
  readonly blocks: ReturnType<DiskBlocks['own']>;
  readonly failures: readonly DiskFailure[];
  readonly unflushed: number;
}

/** `hasCache`: it has a cache that a power cut loses. */
export function createGuestDisk<Outcome>(
  config: DiskConfig,
  events: DiskEvents<Outcome>,
  hasCache = false,
): GuestDisk<Outcome> {
  const blocks = createBlocks(config);
  let writeCount = 0;
  let failedCount = 0;
  let unflushed = 0;
  /** Of a failure that ends by itself, with the number of requests that are still to fail. */
  let failures: readonly DiskFailure[] = [];

  const fails = (kind: 'reads' | 'writes' | 'flushes', offset: number, lengthBytes: number): boolean => {
    const hit = failures.find(({ requests, sectors }) => {
      if (requests !== 'all' && requests !== kind) return false;
      // A flush concerns the whole disk.
      if (!sectors || kind === 'flushes') return true;
      const [from, to] = [sectors.first * SECTOR_BYTES, (sectors.first + sectors.count) * SECTOR_BYTES];
      return offset < to && offset + lengthBytes > from;
    });
    if (!hit) return false;
    failedCount++;
    if (hit.times !== undefined)
      failures = failures.flatMap((one) => {
        if (one !== hit || one.times === undefined) return [one];
        return one.times > 1 ? [{ ...one, times: one.times - 1 }] : [];
      });
    return true;
  };

  return {
    byteLength: blocks.byteLength,
    lay: blocks.lay,
    content: blocks.read,
    read: (offset, lengthBytes) => (fails('reads', offset, lengthBytes) ? 'failed' : blocks.read(offset, lengthBytes)),
    write(offset, bytes) {
      const index = writeCount;
      events.beforeWrite(index);
      if (fails('writes', offset, bytes.length)) {
        writeCount++;
        return 'failed';
      }
      const at = sector(offset / SECTOR_BYTES);
      const allowed = events.sectorsAllowed(index, bytes.length / SECTOR_BYTES, at);
      const landed = bytes.subarray(0, allowed * SECTOR_BYTES);
      blocks.write(offset, landed);
      // One of which nothing lands is none.
      if (landed.length > 0) {
        writeCount++;
        if (hasCache) unflushed++;
      }
      return events.written(index, at, landed);
    },
    flush() {
      if (fails('flushes', 0, blocks.byteLength)) return 'failed';
      unflushed = 0;
      events.flushed();
      return 'done';
    },
    fail(failure) {
      failures = [...failures, failure];
    },
    failedCount: () => failedCount,
    writeCount: () => writeCount,
    unflushedCount: () => unflushed,
    save: () => ({ writeCount, blocks: blocks.own(), failures, unflushed }),
    load(state) {
      ({ writeCount, failures, unflushed } = state);
      blocks.restore(state.blocks);
    },
  };
}
