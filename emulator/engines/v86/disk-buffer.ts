// SPDX-License-Identifier: MIT
/**
 * A disk with the interface that v86's IDE device requires. It reports every write. All transfers complete within the
 * call, so that no disk operation is under way at a tick boundary.
 */
import { createBlocks, type OwnBlocks } from '../../disks/blocks.js';
import type { DiskConfig, DiskWrite } from '../../machine/contract.js';
import { SECTOR_BYTES, sector, type Sector } from '../../machine/units.js';

export type { OwnBlocks } from '../../disks/blocks.js';

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

export interface Disk {
  readonly buffer: V86DiskBuffer;
  /** Writes completed since power-on. */
  writeCount(): number;
  /** Applies writes of earlier machines to the base, as part of the config. Call it before any read, write or load. */
  lay(overlay: readonly DiskWrite[]): void;
  readBytes(offset: number, lengthBytes: number): Uint8Array;
  save(): { readonly writeCount: number; readonly blocks: OwnBlocks };
  load(state: { readonly writeCount: number; readonly blocks: OwnBlocks }): void;
}

export interface DiskEvents {
  /** The number of sectors of this write that may reach the disk. Fewer than all means that power fails here. */
  readonly sectorsAllowed: (index: number, sectors: number) => number;
  /**
   * Called when the allowed part of the write has reached the disk. `bytes` is valid only during the call. May throw to
   * stop the machine.
   */
  readonly written: (index: number, at: Sector, bytes: Uint8Array) => void;
}

export function createDisk(config: DiskConfig, events: DiskEvents): Disk {
  const blocks = createBlocks(config);
  let writeCount = 0;

  const read = (offset: number, lengthBytes: number, done: (bytes: Uint8Array) => void): void =>
    done(blocks.read(offset, lengthBytes));

  // Without a prototype, because v86 logs plain objects that it finds in a state.
  const buffer: V86DiskBuffer = Object.assign(Object.create(null) as object, {
    byteLength: blocks.byteLength,
    onload: undefined as V86DiskBuffer['onload'],
    load(this: V86DiskBuffer) {
      this.onload?.({ buffer: undefined });
    },
    get: read,
    get_and_cache: read,
    get_from_cache: blocks.read,
    set(offset: number, bytes: Uint8Array, done: () => void) {
      const index = writeCount;
      const allowed = events.sectorsAllowed(index, bytes.length / SECTOR_BYTES);
      const landed = bytes.subarray(0, allowed * SECTOR_BYTES);
      blocks.write(offset, landed);
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
    lay: blocks.lay,
    readBytes: blocks.read,
    save: () => ({ writeCount, blocks: blocks.own() }),
    load(state) {
      ({ writeCount } = state);
      blocks.restore(state.blocks);
    },
  };
}
