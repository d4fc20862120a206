// SPDX-License-Identifier: MIT
/**
 * Which flushes of a disk are the guest's. QEMU flushes all disks itself at every stop of the machine, and such a flush
 * looks like any other. But it flushes them one after the other when all requests of the guest have been answered, and it
 * begins with the drive that was added first. That is one which the guest does not have (see command-line.ts). So after a
 * flush of that drive, the next one of each disk is QEMU's own.
 *
 * Flushes of the network block device reach the server whether or not anything has been written since the last one. So one
 * that is taken for QEMU's own does not keep QEMU from sending the guest's next one.
 */
export interface Flushes {
  /** QEMU has flushed the drive that the guest does not have. */
  stopping(): void;
  /** True when the flush of this disk that has just come is QEMU's own. */
  isOwn(disk: number): boolean;
  /** The machine is about to be let run: all flushes that come are the guest's. */
  running(): void;
}

export function createFlushes(diskCount: number): Flushes {
  const due = new Set<number>();
  return {
    stopping() {
      for (let disk = 0; disk < diskCount; disk++) due.add(disk);
    },
    isOwn: (disk) => due.delete(disk),
    running: () => due.clear(),
  };
}
