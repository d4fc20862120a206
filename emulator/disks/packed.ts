// SPDX-License-Identifier: MIT
/** The states of a machine's disks in a checkpoint. */
import { concat } from '../machine/bytes.js';
import type { DiskFailure } from '../machine/contract.js';
import { PAGE_BYTES } from '../machine/units.js';
import type { GuestDiskState } from './guest-disk.js';

/** The state of a disk without the contents of its blocks, as JSON. */
export interface PackedDisk {
  readonly writeCount: number;
  /** The numbers of its own blocks of 4096 bytes. */
  readonly blocks: readonly number[];
  /** Absent when there are none. */
  readonly failures?: readonly DiskFailure[];
  /** Absent without a volatile cache. */
  readonly unflushed?: number;
}

/** The states, and a function that copies the contents of all their blocks, in order, as they are when it is called. */
export function packDisks(states: readonly GuestDiskState[]): {
  readonly heads: readonly PackedDisk[];
  readonly blocks: () => Uint8Array;
} {
  return {
    heads: states.map(({ writeCount, blocks, failures, unflushed }) => ({
      writeCount,
      blocks: [...blocks.keys()],
      ...(failures.length > 0 && { failures }),
      ...(unflushed > 0 && { unflushed }),
    })),
    blocks: () => concat(states.flatMap(({ blocks }) => [...blocks.values()])),
  };
}

/** The reverse of {@link packDisks}. The contents are views into `blocks`. */
export function unpackDisks(heads: readonly PackedDisk[], blocks: Uint8Array): readonly GuestDiskState[] {
  let at = 0;
  return heads.map(({ writeCount, failures = [], unflushed = 0, blocks: numbers }) => ({
    writeCount,
    failures,
    unflushed,
    blocks: new Map(numbers.map((number) => [number, blocks.subarray(at, (at += PAGE_BYTES))])),
  }));
}
