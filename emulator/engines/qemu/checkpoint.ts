// SPDX-License-Identifier: MIT
/** A machine of QEMU as bytes: its RAM, its disks, its delivery, and the devices and processors as QEMU writes them. */
import { packDisks, unpackDisks, type PackedDisk } from '../../disks/packed.js';
import type { GuestDiskState } from '../../disks/guest-disk.js';
import { packPages, unpackPages } from '../../disks/sparse.js';
import type { MarkerSeen, RestoreConfig } from '../../machine/contract.js';
import { otherConfig, packCheckpoint, unpackCheckpoint } from '../checkpoint-format.js';

/** What a machine has at a stand. */
export interface SavedMachine {
  /** See `MachineState`. */
  readonly events: number;
  readonly lastMarker?: MarkerSeen;
  /** See `Markers`. */
  readonly markerPlaces: readonly string[];
  readonly virtualMs: number;
  readonly disks: readonly GuestDiskState[];
  /** The file of the delivery's window. */
  readonly window: Uint8Array;
  /** Where the guest sees it. Absent before its firmware has given it a place. */
  readonly windowAt?: number;
  /** All RAM, in the order of addresses, as `packPages` packs it. */
  readonly memory: readonly [indexes: Uint8Array, content: Uint8Array];
  /** QEMU's stream of everything but RAM. */
  readonly devices: Uint8Array;
}

type Shape = Pick<RestoreConfig, 'memoryMiB' | 'wallClockMs'> &
  Required<Pick<RestoreConfig, 'processors' | 'nodes' | 'highMemoryMiB' | 'diskBus'>> & { readonly disks: number };

interface CheckpointHead extends Pick<
  SavedMachine,
  'events' | 'lastMarker' | 'markerPlaces' | 'virtualMs' | 'windowAt'
> {
  readonly shape: Shape;
  readonly windowBytes: number;
  readonly disks: readonly PackedDisk[];
}

/** The bytes of a checkpoint. */
export function packMachine(config: RestoreConfig, saved: SavedMachine): Uint8Array {
  const { disks, window, memory, devices, ...rest } = saved;
  const { heads, blocks } = packDisks(disks);
  const head: CheckpointHead = { ...rest, shape: shapeOf(config), windowBytes: window.length, disks: heads };
  return packCheckpoint(head, [...memory, ...packPages(window), blocks(), devices]);
}

/**
 * The reverse of {@link packMachine}.
 * @throws InputError when the bytes are no checkpoint, or that of another machine than that of `config`.
 */
export function unpackMachine(config: RestoreConfig, bytes: Uint8Array): SavedMachine {
  const { head: parsed, blobs } = unpackCheckpoint(bytes);
  const { shape, windowBytes, disks, ...rest } = parsed as CheckpointHead;
  const [pages, pageContents, windowPages, windowContents, blocks, devices] = blobs as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  for (const [name, value] of Object.entries(shapeOf(config)))
    if (value !== shape[name as keyof Shape])
      throw otherConfig(`with ${name} ${shape[name as keyof Shape]}`, `the config says ${value}`);
  const window = new Uint8Array(windowBytes);
  unpackPages(window, windowPages, windowContents, []);
  return { ...rest, disks: unpackDisks(disks, blocks), window, memory: [pages, pageContents], devices };
}

const shapeOf = ({
  memoryMiB,
  highMemoryMiB = 0,
  processors = 1,
  nodes = 1,
  diskBus = 'ide',
  disks,
  wallClockMs,
}: RestoreConfig): Shape => ({
  memoryMiB,
  highMemoryMiB,
  processors,
  nodes,
  diskBus,
  disks: disks.length,
  wallClockMs,
});
