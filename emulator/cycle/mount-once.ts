// SPDX-License-Identifier: MIT
/**
 * Mounts a filesystem and unmounts it, in a machine of its own with the kernel that is tested. This only replays its
 * journal, as the guest's next mount would. It is for filesystems whose journal only a kernel can replay.
 */
import { findFaults } from '../console/faults.js';
import { consoleLines } from '../console/lines.js';
import { noteFilled } from '../disks/sparse.js';
import type { StopReason } from '../machine/contract.js';
import { USER_MARKERS } from '../machine/markers.js';
import { diskSource } from '../verify/disk/verify.js';
import type { Filesystem } from '../verify/disk/partitions.js';
import { filledRanges, type ByteSource } from '../verify/source.js';
import { machineAt, type Booter, type BootStates } from './boot.js';
import type { Seen } from './recorder.js';
import { consoleTail, describeStop } from './stop.js';

/** Virtual time for the mount, the replay of the journal and the unmount. */
const MOUNT_MS_MAX = 120_000;

export type MountedOnce =
  /** The volume after the unmount. */
  | { readonly volume: ByteSource }
  /** Why the kernel could not do it, and the end of its console. */
  | { readonly problem: string; readonly consoleTail: readonly string[] };

/**
 * Mounts and unmounts a copy of `volume`. `booter` describes a machine with the kernel and the initramfs to use. Its
 * disks and its share are ignored, so its `configKey` does not have to cover them.
 */
export async function mountOnce(
  volume: ByteSource,
  filesystem: Filesystem,
  booter: Booter,
  states: BootStates,
): Promise<MountedOnce> {
  const { share: _share, ...config } = booter.config;
  const machine: Booter = {
    ...booter,
    config: {
      ...config,
      cmdline: `${config.cmdline} rig.mount=${filesystem}`,
      // The checkpoint does not depend on what is on the disk.
      disks: [{ base: emptyMemory(volume.byteLength) }],
    },
    configKey: `mount-${filesystem}-${volume.byteLength}-${booter.configKey}`,
  };
  const disk = { base: copyOf(volume) };
  const recorder = await machineAt('beforeDisk', machine, states, () => Promise.resolve({ disks: [disk] }));
  try {
    const { reason, virtualMs } = await recorder.machine.run({
      virtualMsMax: MOUNT_MS_MAX * booter.engine.traits.patience,
      ...(booter.signal && { signal: booter.signal }),
    });
    if (reason.why === 'aborted') booter.signal?.throwIfAborted();
    const seen = recorder.seen();
    const problem = problemIn(reason, virtualMs, seen);
    if (problem !== undefined) return { problem, consoleTail: consoleTail(seen.console) };
    return { volume: diskSource({ ...disk, overlay: seen.writes[0] ?? [] }) };
  } finally {
    await recorder.machine.close();
  }
}

function problemIn(reason: StopReason, virtualMs: number, { markers, console }: Seen): string | undefined {
  const done = markers.findLast(({ kind }) => kind === USER_MARKERS.mountedOnce);
  if (reason.why !== 'halted' || done === undefined)
    return `the kernel did not finish mounting and unmounting it: ${describeStop(reason, virtualMs)}`;
  if (done.word0 !== 0) return `the kernel does not mount it (errno ${done.word0})`;
  if (done.word1 !== 0) return `the kernel does not unmount it (errno ${done.word1})`;
  const [fault] = findFaults(consoleLines(console));
  return fault && `the kernel reports a fault while it mounts it: ${fault.title}`;
}

/** The volume in memory that machines share. */
function copyOf(volume: ByteSource): Uint8Array {
  const memory = emptyMemory(volume.byteLength);
  const ranges = filledRanges(volume);
  for (const [from, to] of ranges) memory.set(volume.read(from, to - from), from);
  noteFilled(memory, ranges);
  return memory;
}

const emptyMemory = (lengthBytes: number): Uint8Array =>
  typeof SharedArrayBuffer === 'undefined'
    ? new Uint8Array(lengthBytes)
    : new Uint8Array(new SharedArrayBuffer(lengthBytes));
