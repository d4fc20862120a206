// SPDX-License-Identifier: MIT
/** What the disk map shows of the disks of a run before anything is written to them. */
import { unroll, type Plan } from '../../../cycle/plan.js';
import { COW_VOLUME, STORE_VOLUME } from '../../../cycle/sys-snapshot.js';
import type { DiskConfig } from '../../../machine/contract.js';
import { SECTOR_BYTES } from '../../../machine/units.js';
import { volumes, type Filesystem, type Volume } from '../../../verify/disk/partitions.js';
import { diskSource } from '../../../verify/disk/verify.js';
import { deviceName } from '../../../verify/proofs.js';

/** What a volume is for in the cycles of a plan. */
export type VolumeRole = 'origin' | 'COW store' | 'image store' | 'swap';

export interface VolumeShown {
  /** As in the guest: `sda`, `sdb1`. */
  readonly device: string;
  /** On its disk. */
  readonly startSector: number;
  readonly sectors: number;
  readonly filesystem: Filesystem;
  /** Undefined for a volume that no cycle uses. */
  readonly role: VolumeRole | undefined;
}

export interface DiskShown {
  /** As in the guest: `sda`. */
  readonly device: string;
  readonly sectors: number;
  readonly volumes: readonly VolumeShown[];
}

/** Reads the partition tables and the superblocks. */
export function disksOf(disks: readonly DiskConfig[], plan: Pick<Plan, 'steps'>): readonly DiskShown[] {
  const roleOf = rolesIn(plan);
  return disks.map((disk, index) => {
    const device = deviceName(index);
    const found = volumes(diskSource(disk), device);
    return {
      device,
      sectors: disk.base.byteLength / SECTOR_BYTES,
      volumes: found.map((volume) => ({ ...volume, role: roleOf(volume) })),
    };
  });
}

function rolesIn({ steps }: Pick<Plan, 'steps'>): (volume: Volume) => VolumeRole | undefined {
  const snapshots = unroll(steps).flatMap((step) =>
    step.do === 'suspend' && step.method === 'sys_snapshot' ? [step] : [],
  );
  const hasStore = snapshots.some(({ store }) => store !== 'memory');
  const mayWrite = new Set(snapshots.flatMap(({ mayWrite = [] }) => mayWrite));
  return ({ device, filesystem }) => {
    if (hasStore && device === COW_VOLUME) return 'COW store';
    if (snapshots.length > 0 && device === STORE_VOLUME) return 'image store';
    if (filesystem === 'swap') return 'swap';
    return filesystem === 'unknown' || mayWrite.has(device) ? undefined : 'origin';
  };
}
