// SPDX-License-Identifier: MIT
/**
 * A disk with the interface that v86's IDE device requires. It reports every write. All transfers complete within the
 * call, so that no disk operation is under way at a tick boundary.
 */
import { createGuestDisk, type DiskEvents, type GuestDisk } from '../../disks/guest-disk.js';
import type { DiskConfig } from '../../machine/contract.js';

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
  flush(): 'done' | 'failed';
  /** Whether the guest is told of a cache that has to be flushed. */
  readonly hasCache: boolean;
  /** Whether the last request has failed, so that its callback was not called. Told once. */
  takeFailure(): boolean;
}

export interface Disk extends Pick<
  GuestDisk<void>,
  'lay' | 'fail' | 'failedCount' | 'unflushedCount' | 'save' | 'load'
> {
  readonly buffer: V86DiskBuffer;
}

/** `written` may throw to stop the machine. */
export function createDisk(config: DiskConfig, events: DiskEvents<void>, hasCache = false): Disk {
  const disk = createGuestDisk(config, events, hasCache);
  let hasFailed = false;

  const read = (offset: number, lengthBytes: number, done: (bytes: Uint8Array) => void): void => {
    const bytes = disk.read(offset, lengthBytes);
    if (bytes === 'failed') hasFailed = true;
    else done(bytes);
  };

  // Without a prototype, because v86 logs plain objects that it finds in a state.
  const buffer: V86DiskBuffer = Object.assign(Object.create(null) as object, {
    byteLength: disk.byteLength,
    onload: undefined as V86DiskBuffer['onload'],
    load(this: V86DiskBuffer) {
      this.onload?.({ buffer: undefined });
    },
    get: read,
    get_and_cache: read,
    // The emulator's own, before the guest runs.
    get_from_cache: disk.content,
    set(offset: number, bytes: Uint8Array, done: () => void) {
      if (disk.write(offset, bytes) === 'failed') hasFailed = true;
      else done();
    },
    get_buffer: (done: (buffer: undefined) => void) => done(undefined),
    get_state: () => [],
    set_state: () => undefined,
    flush: disk.flush,
    hasCache,
    takeFailure() {
      const failed = hasFailed;
      hasFailed = false;
      return failed;
    },
  });
  const { lay, fail, failedCount, unflushedCount, save, load } = disk;
  return { buffer, lay, fail, failedCount, unflushedCount, save, load };
}
