// SPDX-License-Identifier: MIT
/** A disk of a QEMU: an export of the network block device protocol. */
import { createGuestDisk, type DiskEvents, type GuestDisk } from '../../../disks/guest-disk.js';
import type { DiskConfig } from '../../../machine/contract.js';
import { serveNbd } from '../nbd.js';
import { openLine, type Line } from './lines.js';

export interface ServedDisk extends Line, Pick<GuestDisk<unknown>, 'fail' | 'failedCount'> {}

/**
 * Serves the disk at `path`. The guest learns of a write when its outcome
 * resolves. `onError`: it cannot be served any more, so what the guest does from now on is worth nothing.
 */
export async function openDisk(
  path: string,
  config: DiskConfig,
  events: DiskEvents<Promise<void>>,
  onError: (error: Error) => void,
): Promise<ServedDisk> {
  const disk = createGuestDisk(config, events);
  let receive: (bytes: Uint8Array) => void = () => undefined;
  const line = await openLine(
    path,
    (bytes) => receive(bytes),
    ({ send, end }) => {
      ({ receive } = serveNbd(disk, send, (error) => {
        if (error) onError(error);
        end();
      }));
    },
  );
  return { ...line, fail: disk.fail, failedCount: disk.failedCount };
}
