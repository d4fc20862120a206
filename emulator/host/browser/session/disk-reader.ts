// SPDX-License-Identifier: MIT
/** What the disk map can tell of sectors: what differs at the disk proof, whose a sector is, and its bytes. */
import type { DiskConfig } from '../../../machine/contract.js';
import { SECTOR_BYTES, sector as sectorOf } from '../../../machine/units.js';
import type { ResumeEvidence } from '../../../cycle/proofs.js';
import { volumes } from '../../../verify/disk/partitions.js';
import { diskSource, imageRanges, nameSectors, verifyDisks, type ImageRange } from '../../../verify/disk/verify.js';
import { deviceName, diskHistories } from '../../../verify/proofs.js';

/** Sectors that are not what they were at the copy, neighbours of one owner. */
export interface DifferenceShown {
  /** `sda`. */
  readonly disk: string;
  /** On that disk. */
  readonly startSector: number;
  readonly sectors: number;
  /** As the proofs name it. */
  readonly owner: string;
}

export interface SectorShown {
  /** `sda`. */
  readonly disk: string;
  readonly sector: number;
  /** Volume, and filesystem and file or what else is known, as the proofs name it. It is that of `bytes`. */
  readonly owner: string;
  /** Whose it is later, if somebody else's. */
  readonly laterOwner: string | undefined;
  /** At the atomic copy; before the first disk proof: when the machines were made. */
  readonly bytes: Uint8Array;
  /** When the restored kernel began to run, if they are others then. */
  readonly later: Uint8Array | undefined;
}

/** Where an image lies. */
export interface ImageShown {
  /** The machine that has restored it: 1 for the first. */
  readonly machine: number;
  /** Instruction counter of that machine when the restored timeline began. What is written later is no part of the image. */
  readonly instruction: number;
  readonly ranges: readonly ImageRange[];
}

export interface DiskReader {
  /**
   * A disk proof has come to its end. Answers where the image lies from which the machine has resumed, and where the differences are, if
   * the proof has found any. A live timeline that was committed or rolled back has no image; that of an earlier suspend may still be there.
   */
  prove(
    evidence: ResumeEvidence,
    hasDifferences: boolean,
  ): { readonly image: readonly ImageRange[]; readonly differences: readonly DifferenceShown[] };
  /** Undefined when there is no such sector. */
  sector(disk: string, sector: number): SectorShown | undefined;
}

/** So many differences are shown. The proof counts all. */
const DIFFERENCES_MAX = 10_000;

/** `disks`: of the machines of a run, before the first one writes to them. */
export function createDiskReader(disks: readonly DiskConfig[]): DiskReader {
  /** By number of the disk. */
  let known: readonly { readonly before: DiskConfig; readonly after?: DiskConfig }[] = disks.map((before) => ({
    before,
  }));
  return {
    prove(evidence, hasDifferences) {
      const histories = diskHistories(evidence);
      known = histories.map(({ atCopy, atRestore }) => ({ before: atCopy, after: atRestore }));
      const { stores, swapHeaderPage } = evidence;
      const rules = {
        stores,
        ...(swapHeaderPage !== undefined && { swapHeaderPage }),
        differencesMax: DIFFERENCES_MAX,
      };
      const image = evidence.committed || evidence.rolledBack ? [] : imageRanges(histories, rules);
      if (!hasDifferences) return { image, differences: [] };
      const differences = verifyDisks(histories, rules).differences.map(({ device, startSector, sectors, owner }) => ({
        disk: device.replace(/\d+$/, ''),
        startSector,
        sectors,
        owner: `${device}: ${owner}`,
      }));
      return { image, differences };
    },
    sector(disk, sector) {
      const of = known.find((_, index) => deviceName(index) === disk);
      if (!of || !(sector >= 0 && sector < of.before.base.byteLength / SECTOR_BYTES)) return undefined;
      const look = (config: DiskConfig): { readonly owner: string; readonly bytes: Uint8Array } => {
        const source = diskSource(config);
        const [name] = nameSectors(source, volumes(source, disk), disk, [{ start: sectorOf(sector), count: 1 }]);
        return {
          owner: name ? `${name.device}: ${name.owner}` : disk,
          bytes: source.read(sector * SECTOR_BYTES, SECTOR_BYTES).slice(),
        };
      };
      const { owner, bytes } = look(of.before);
      const later = of.after && look(of.after);
      return {
        disk,
        sector,
        owner,
        laterOwner: later?.owner === owner ? undefined : later?.owner,
        bytes,
        later: later?.bytes.some((byte, at) => byte !== bytes[at]) === true ? later.bytes : undefined,
      };
    },
  };
}
