// SPDX-License-Identifier: MIT
/** Puts a guard before each device of v86 that reads structures of the guest from memory. */
import type { RestoreConfig } from '../../machine/contract.js';
import { RigError } from '../../machine/errors.js';
import { addFaults } from './ide-faults.js';
import { guardDma } from './ide-guard.js';
import type { V86Cpu } from './internals.js';
import { guardQueue } from './share/queue-guard.js';

/** @throws RigError when this build of v86 stores its devices at another place. */
export function guardDevices(cpu: V86Cpu, { memoryMiB, disks, share }: RestoreConfig): void {
  const ram = { ramBytes: memoryMiB * 2 ** 20 };
  const { ide, virtio_9p: virtio9p } = cpu.devices;
  const drive = ide?.primary?.master;
  const queues = virtio9p?.virtio.queues ?? [];
  if ((disks.length > 0 && !drive) || (share && queues.length === 0)) {
    throw new RigError('this build of v86 stores its IDE or virtio devices at another place', {
      remedy: 'install the version that package.json names: npm ci',
    });
  }
  if (drive) {
    guardDma(drive, cpu, ram);
    addFaults(drive);
  }
  for (const queue of queues) guardQueue(queue, ram);
}
