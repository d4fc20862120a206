// SPDX-License-Identifier: MIT
/** Lets v86's IDE drives answer with an error when a request to their disk fails. v86 itself knows no such disks. */
import type { V86IdeInterface } from './internals.js';

const FLUSH = 0xe7;
const FLUSH_EXT = 0xea;
const DMA_ACTIVE = 1;

/**
 * Does so from now on for `drive` and for all drives of the same class. v86 seals its drive objects, so the class is
 * changed; a worker has only one machine.
 */
export function reportFailures(drive: V86IdeInterface): void {
  const kind = Object.getPrototypeOf(drive) as V86IdeInterface;
  for (const name of ['do_ata_read_sectors_dma', 'do_ata_write_sectors_dma', 'do_write'] as const) {
    const transfer = kind[name];
    kind[name] = function () {
      transfer.call(this);
      abortIfFailed(this);
    };
  }
  const { ata_read_sectors: read, ata_command: command } = kind;
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
