// SPDX-License-Identifier: MIT
/**
 * Checks the table of regions for a disk's DMA (PRD table) before v86 uses it. v86 itself reads until it finds the mark
 * of the last entry.
 */
import type { V86Cpu, V86IdeInterface } from './internals.js';
import { DeviceMisuse, hexAddress, isInRam, type GuestRam } from './misuse.js';

const ENTRY_BYTES = 8;
/** A table lies within 64 KiB. */
const ENTRIES_MAX = 65536 / ENTRY_BYTES;
const LAST = 0x80;

/**
 * Checks from now on each transfer of `drive` and of all drives of the same class. A bad transfer throws
 * {@link DeviceMisuse}. v86 seals its drive objects, so the class is changed; a worker has only one machine.
 */
export function guardDma(drive: V86IdeInterface, cpu: V86Cpu, ram: GuestRam): void {
  const kind = Object.getPrototypeOf(drive) as V86IdeInterface;
  const { do_ata_read_sectors_dma: read, do_ata_write_sectors_dma: write } = kind;
  kind.do_ata_read_sectors_dma = function () {
    checkTable(this, cpu, ram);
    read.call(this);
  };
  kind.do_ata_write_sectors_dma = function () {
    checkTable(this, cpu, ram);
    write.call(this);
  };
}

function checkTable({ channel }: V86IdeInterface, cpu: V86Cpu, ram: GuestRam): void {
  const start = channel.prdt_addr >>> 0;
  for (let entry = 0; entry < ENTRIES_MAX; entry++) {
    const at = start + entry * ENTRY_BYTES;
    if (!isInRam(at, ENTRY_BYTES, ram)) throw misuse(`the table of regions for DMA at ${hexAddress(start)} leaves RAM`);
    const region = cpu.read32s(at) >>> 0;
    // 0 means 64 KiB, which 16 bits cannot express.
    const lengthBytes = cpu.read16(at + 4) || 65536;
    if (!isInRam(region, lengthBytes, ram))
      throw misuse(`DMA to or from ${lengthBytes} bytes at ${hexAddress(region)}, which are not in RAM`);
    if ((cpu.read8(at + 7) & LAST) !== 0) return;
  }
  throw misuse(`the table of regions for DMA at ${hexAddress(start)} has no last entry within 64 KiB`);
}

const misuse = (what: string): DeviceMisuse => new DeviceMisuse(`the IDE disks: ${what}`);
