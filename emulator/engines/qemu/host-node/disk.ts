// SPDX-License-Identifier: MIT
/** The disks of a QEMU: exports of the network block device protocol. */
import { createGuestDisk, type DiskEvents, type GuestDisk } from '../../../disks/guest-disk.js';
import type { DiskConfig } from '../../../machine/contract.js';
import { SECTOR_BYTES } from '../../../machine/units.js';
import { serveNbd, type NbdDisk } from '../nbd.js';
import { openLine, type Line } from './lines.js';

export interface ServedDisk
  extends Line, Pick<GuestDisk<unknown>, 'fail' | 'failedCount' | 'unflushedCount' | 'save' | 'load'> {}

/** What a machine does at the requests of its guest to a disk. */
export interface ServedDiskEvents extends DiskEvents<Promise<void>> {
  /** False for a flush that is none of the guest's, or comes when its power is off. */
  readonly mayFlush: () => boolean;
}

/**
 * Serves the disk at `path`. The guest learns of a write when its outcome resolves. `hasCache`: see `createGuestDisk`.
 * `onError`: it cannot be served any more, so what the guest does from now on is worth nothing.
 */
export async function openDisk(
  path: string,
  config: DiskConfig,
  hasCache: boolean,
  events: ServedDiskEvents,
  onError: (error: Error) => void,
): Promise<ServedDisk> {
  const { read, write, flush, byteLength, fail, failedCount, unflushedCount, save, load } = createGuestDisk(
    config,
    events,
    hasCache,
  );
  const line = await openExport(
    path,
    {
      byteLength,
      read,
      write,
      flush: () => (events.mayFlush() ? flush() : 'done'),
      // With a cache, a forced write would have to leave the earlier ones in it.
      hasForcedWrites: !hasCache,
    },
    onError,
  );
  return { ...line, fail, failedCount, unflushedCount, save, load };
}

/** Serves an empty disk at `path`, which the guest does not have. `onFlush` is called when QEMU flushes it. */
export const openUnusedDisk = (path: string, onFlush: () => void, onError: (error: Error) => void): Promise<Line> =>
  openExport(
    path,
    {
      byteLength: SECTOR_BYTES,
      read: (_, lengthBytes) => new Uint8Array(lengthBytes),
      write: () => 'failed',
      flush() {
        onFlush();
        return 'done';
      },
      hasForcedWrites: true,
    },
    onError,
  );

function openExport(path: string, disk: NbdDisk, onError: (error: Error) => void): Promise<Line> {
  let receive: (bytes: Uint8Array) => void = () => undefined;
  return openLine(
    path,
    (bytes) => receive(bytes),
    ({ send, end }) => {
      ({ receive } = serveNbd(disk, send, (error) => {
        if (error) onError(error);
        end();
      }));
    },
  );
}
