// SPDX-License-Identifier: MIT
/**
 * Lets v86's IDE drives answer with an error when a request to their disk fails, and have a write cache. v86 itself knows
 * no such disks.
 */
import type { V86IdeInterface } from './internals.js';

const FLUSH = 0xe7;
const FLUSH_EXT = 0xea;
const DMA_ACTIVE = 1;
/** Bytes of the answer to IDENTIFY that say that there is a write cache, and that it is in use; and the bit there. */
const CACHE_BYTES = [2 * 82, 2 * 85];
const CACHE_BIT = 1 << 5;

/**
 * Does so from now on for `drive` and for all drives of the same class. v86 seals its drive objects, so the class is
 * changed; a worker has only one machine.
 */
export function addFaults(drive: V86IdeInterface): void {
  const kind = Object.getPrototypeOf(drive) as V86IdeInterface;
  for (const name of ['do_ata_read_sectors_dma', 'do_ata_write_sectors_dma', 'do_write'] as const) {
    const transfer = kind[name];
    kind[name] = function () {
      transfer.call(this);
      abortIfFailed(this);
    };
  }
  const { ata_read_sectors: read, ata_command: command, create_identify_packet: identify } = kind;
  kind.create_identify_packet = function () {
    identify.call(this);
    if (this.buffer?.hasCache !== true) return;
    for (const at of CACHE_BYTES) this.data[at] = (this.data[at] ?? 0) | CACHE_BIT;
  };
  kind.ata_read_sectors = function (code) {
    read.call(this, code);
    abortIfFailed(this);
  };
  kind.ata_command = function (code) {
    command.call(this, code);
    if ((code === FLUSH || code === FLUSH_EXT) && this.buffer?.flush?.() === 'failed') this.ata_abort_command();
  };
}

function abortIfFailed(drive: V86IdeInterface): void {
  if (drive.buffer?.takeFailure?.() !== true) return;
  // A read that has failed is over.
  drive.in_progress_io_ids.clear();
  drive.channel.dma_status &= ~DMA_ACTIVE;
  drive.ata_abort_command();
}
