// SPDX-License-Identifier: MIT
/**
 * The checkpoints of a session, as differences: blocks that several of them have are held once. When they need more than their
 * budget, they are thinned out.
 */
import type { ByteRange } from '../../../../disks/sparse.js';
import type { Checkpoint } from '../../../../machine/contract.js';
import { createBlockPool, type BlockList } from './block-pool.js';

/** A checkpoint that is held until it is thinned out. */
export interface Kept {
  /** Undefined when it is no longer held. */
  readonly read: () => Checkpoint | undefined;
  /**
   * Undefined when it is no longer held. Its bytes are put together when `use` reads them, held until then, and overwritten after the
   * promise of `use` has been settled: new memory takes longer than what is written there.
   */
  readonly lend: <T>(use: (checkpoint: Checkpoint) => Promise<T>) => Promise<T> | undefined;
  readonly isHeld: () => boolean;
  /** From now on it is held, whatever the budget, until the answer is called. */
  readonly pin: () => () => void;
  /** What running from the beginning of its machine to here takes, in ms of the host. */
  readonly costMs: number;
}

export interface Checkpoints {
  /**
   * Holds a checkpoint.
   * @param line names the machine. Those of a machine are made in the order of their costs.
   * @param facts what is known of its bytes.
   */
  readonly keep: (checkpoint: Checkpoint, line: number, costMs: number, facts?: BytesFacts) => Kept;
  readonly shown: () => CheckpointsShown;
}

/** What is known of bytes. */
export interface BytesFacts {
  /** Instead of what `CheckpointsDeps.gridsOf` answers, for bytes that no engine has made. */
  readonly grids?: readonly number[];
  /** The ranges (from, to, ascending) outside of which they are zero. */
  readonly used?: readonly ByteRange[] | undefined;
}

export interface CheckpointsShown {
  readonly count: number;
  /** Size of what is held, and the most that it may be. */
  readonly bytes: number;
  readonly bytesMax: number;
}

/** What may be thinned out, and what for. */
export interface Thinned {
  readonly line: number;
  readonly costMs: number;
}

export interface CheckpointsDeps {
  readonly bytesMax: number;
  /** Where in the bytes of a checkpoint grids of blocks begin, ascending, 0 left out: pages that are the same are the same blocks then. */
  readonly gridsOf: (checkpoint: Checkpoint) => readonly number[];
  /** Called when another one was kept, and others may have gone for it. */
  readonly onKeep?: (shown: CheckpointsShown) => void;
}

/** The sizes of checkpoints of a session differ by less, so that most of them have room where one has been. */
const LENT_STEP_BYTES = 32 << 20;

export function createCheckpoints({ bytesMax, gridsOf, onKeep }: CheckpointsDeps): Checkpoints {
  const pool = createBlockPool();
  let held: readonly Entry[] = [];
  /** Memory that was lent. */
  let lent: Uint8Array | undefined;

  const shown = (): CheckpointsShown => ({ count: held.length, bytes: pool.bytes(), bytesMax });
  const drop = (entry: Entry): void => {
    held = held.filter((one) => one !== entry);
    for (const { blocks } of entry.parts ?? []) pool.release(blocks);
    entry.parts = undefined;
  };
  const thinOut = (): void => {
    while (pool.bytes() > bytesMax) {
      const loose = held.filter(({ pins }) => pins === 0);
      if (loose.length === 0) return;
      drop(loose[leastMissed(loose)] as Entry);
    }
  };
  const readInto = (parts: Parts, bytes: Uint8Array, isNew: boolean): void => {
    let at = 0;
    for (const { blocks, lengthBytes } of parts) pool.read(blocks, bytes.subarray(at, (at += lengthBytes)), isNew);
  };
  const pin = (entry: Entry): (() => void) => {
    let isPinned = true;
    entry.pins += 1;
    return () => {
      if (isPinned) entry.pins -= 1;
      isPinned = false;
      thinOut();
    };
  };
  const read = (entry: Entry): Checkpoint | undefined => {
    const { engine, parts } = entry;
    if (!parts) return undefined;
    const bytes = allocate(lengthOf(parts));
    readInto(parts, bytes, true);
    return { engine, bytes };
  };
  const lend = <T>(entry: Entry, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> | undefined => {
    const { engine, parts } = entry;
    if (!parts) return undefined;
    const release = pin(entry);
    const lengthBytes = lengthOf(parts);
    let memory: Uint8Array | undefined;
    const checkpoint: Checkpoint = {
      engine,
      get bytes() {
        if (!memory) {
          const again = lent && lent.length >= lengthBytes ? lent : undefined;
          memory = again ?? allocate(Math.ceil(lengthBytes / LENT_STEP_BYTES) * LENT_STEP_BYTES);
          if (again) lent = undefined;
          readInto(parts, memory.subarray(0, lengthBytes), !again);
        }
        release();
        return memory.subarray(0, lengthBytes);
      },
    };
    return use(checkpoint).finally(() => {
      release();
      if ((lent?.length ?? 0) < (memory?.length ?? 0)) lent = memory;
    });
  };

  return {
    keep(checkpoint, line, costMs, { grids = gridsOf(checkpoint), used } = {}) {
      const { bytes, engine } = checkpoint;
      const begins = [0, ...grids];
      const alike = held.filter(({ parts }) => parts?.length === begins.length);
      const before = alike.findLast((one) => one.line === line) ?? alike.at(-1);
      const parts = begins.map((begin, index) => {
        const end = begins[index + 1] ?? bytes.length;
        const like = before?.parts?.[index]?.blocks;
        const usedHere = used?.map(([from, to]): ByteRange => [from - begin, to - begin]);
        return { blocks: pool.hold(bytes.subarray(begin, end), like, usedHere), lengthBytes: end - begin };
      });
      const entry: Entry = { engine, line, costMs, parts, pins: 0 };
      held = [...held, entry];
      thinOut();
      onKeep?.(shown());
      return {
        read: () => read(entry),
        lend: (use) => lend(entry, use),
        isHeld: () => entry.parts !== undefined,
        pin: () => pin(entry),
        costMs,
      };
    },
    shown,
  };
}

type Parts = readonly { readonly blocks: BlockList; readonly lengthBytes: number }[];

const lengthOf = (parts: Parts): number => parts.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);

interface Entry extends Thinned {
  readonly engine: string;
  /** Undefined when it has been dropped. */
  parts: Parts | undefined;
  /** How many need it. */
  pins: number;
}

/**
 * The index of the one that is missed least. Without one, the run from the one before gets longer: that counts less the older it is.
 * The newest goes last.
 */
export function leastMissed(held: readonly Thinned[]): number {
  const ends = new Map<number, number>();
  for (const { line, costMs } of held) ends.set(line, costMs);
  let least = { index: held.length - 1, weight: Infinity };
  held.forEach(({ line, costMs }, index) => {
    if (index === held.length - 1) return;
    const before = held.slice(0, index).findLast((one) => one.line === line)?.costMs ?? 0;
    const after = held.slice(index + 1).find((one) => one.line === line)?.costMs ?? costMs;
    // Other machines are older.
    const age = (ends.get(line) ?? costMs) - costMs + (line === held.at(-1)?.line ? 1 : 1000);
    const weight = (after - before) / age;
    if (weight < least.weight) least = { index, weight };
  });
  return least.index;
}

/** In memory that workers share, where there is such memory: a checkpoint need not be copied to be restored. */
const allocate = (lengthBytes: number): Uint8Array =>
  new Uint8Array(
    typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(lengthBytes) : new SharedArrayBuffer(lengthBytes),
  );
