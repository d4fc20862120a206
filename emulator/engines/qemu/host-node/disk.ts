// SPDX-License-Identifier: MIT
/** A disk of a QEMU: an export of the network block device protocol. */
import { createGuestDisk, type DiskEvents, type GuestDisk } from '../../../disks/guest-disk.js';
import type { DiskConfig } from '../../../machine/contract.js';
import { serveNbd } from '../nbd.js';
import { openLine, type Line } from './lines.js';

export interface ServedDisk extends Line, Pick<GuestDisk<unknown>, 'fail' | 'failedCount'> {}

/** Serves the disk at `path`. The guest learns of a write when its outcome resolves. */
export async function openDisk(
  path: string,
  config: DiskConfig,
  events: DiskEvents<Promise<void>>,
): Promise<ServedDisk> {
  const disk = createGuestDisk(config, events);
  let receive: (bytes: Uint8Array) => void = () => undefined;
  const line = await openLine(
    path,
    (bytes) => receive(bytes),
    ({ send, end }) => {
      ({ receive } = serveNbd(disk, send, end));
    },
  );
  return { ...line, fail: disk.fail, failedCount: disk.failedCount };
}
