// SPDX-License-Identifier: MIT
/** A disk of a QEMU: an export of the network block device protocol, whose writes the machine decides about. */
import { createBlocks } from '../../../disks/blocks.js';
import type { DiskConfig } from '../../../machine/contract.js';
import { SECTOR_BYTES, sector } from '../../../machine/units.js';
import { serveNbd } from '../nbd.js';
import type { DiskEvents } from '../writes.js';
import { openLine, type Line } from './lines.js';

/** Serves the disk at `path`. `index` of a write counts from 0. */
export function openDisk(path: string, config: DiskConfig, events: DiskEvents): Promise<Line> {
  const blocks = createBlocks(config);
  let writeCount = 0;
  const disk = {
    byteLength: blocks.byteLength,
    read: blocks.read,
    async write(offset: number, bytes: Uint8Array): Promise<void> {
      const index = writeCount;
      const allowed = events.sectorsAllowed(index, bytes.length / SECTOR_BYTES);
      const landed = bytes.subarray(0, allowed * SECTOR_BYTES);
      blocks.write(offset, landed);
      if (landed.length > 0) writeCount++;
      await events.written(index, sector(offset / SECTOR_BYTES), landed);
    },
  };
  let receive: (bytes: Uint8Array) => void = () => undefined;
  return openLine(
    path,
    (bytes) => receive(bytes),
    ({ send, end }) => {
      ({ receive } = serveNbd(disk, send, end));
    },
  );
}
