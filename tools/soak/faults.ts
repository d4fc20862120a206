// SPDX-License-Identifier: MIT
/** What the proofs must say of each fault of the page's list. */
import type { Report } from '../../emulator/report/model.js';
import { FINDINGS_OF_MISTAKES, notFound } from './mistakes.js';

/** By the id of the fault, as in `FINDINGS_OF_MISTAKES`. */
export const FINDINGS_OF_FAULTS: Readonly<Record<string, readonly RegExp[]>> = {
  skipPage: FINDINGS_OF_MISTAKES['skip-page'] ?? [],
  flipCopy: FINDINGS_OF_MISTAKES['flip-copy'] ?? [],
  flipRestored: [/^memory: 1 of \d+ pages of the image are not what they were at the atomic copy: .*linux_banner/],
  alterSector: [/^disk: .*sda: \d+ from sector 300000: ext4: /],
  failStore: [
    /^guest: the kernel refused to take a snapshot: /,
    /^kernelFault: ioError: I\/O error, dev sdb, sector \d+ op 0x1:\(WRITE\) /,
  ],
  fullStore: [
    /^command: in the live timeline: .*\/root\/much.* ended with status 1, not 0: .*No space left on device/,
    /^kernelFault: ioError: Buffer I\/O error on device dm-/,
  ],
};

/** Why this report does not show that the proofs have named the fault. Empty when it does. */
export function notNamed(id: string, report: Pick<Report, 'failures'>): readonly string[] {
  const wanted = FINDINGS_OF_FAULTS[id];
  return wanted ? notFound(wanted, report) : [`nobody has said what must be found of the fault '${id}'`];
}
