// SPDX-License-Identifier: MIT
/** A plan of three cells, and results for it. */
import type { CellResult } from '../../../emulator/validate/cell.js';
import { stepBegin, stepEnd } from '../../../emulator/machine/markers.js';
import type { ValidationPlan } from '../../../emulator/validate/plan.js';
import { LOST, result, validation } from './validations.js';

const keyOf = (name: string): string => name.repeat(20);
/** By key: the second cell is broken by the patches. */
export const PLAN: ValidationPlan = (() => {
  const { formatVersion, kernelVersion, flavours, matrix, patches, warnings, complaints, kernels } = validation([]);
  return {
    formatVersion,
    kernelVersion,
    flavours,
    matrix,
    patches,
    warnings,
    complaints,
    changes: keyOf('0'),
    kernels: (kernels ?? []).map((one) => ({ ...one, artifact: 'kernel-release-patched-x' })),
    cells: ['a', 'b', 'c'].map((name, index) => ({
      cell: { name, scenario: 'rollback-short' },
      flavour: 'release',
      seed: 1,
      machineWords: '',
      keys: { base: keyOf(String(index + 1)), patched: keyOf(name) },
    })),
  };
})();

/** One that takes a snapshot, and writes before and in it. */
const MACHINES: CellResult['machines'] = [
  {
    number: 1,
    startVirtualMs: 0,
    virtualMs: 40,
    instructions: 40_000,
    markers: [
      [stepBegin('copy'), 10_000, 10],
      [stepEnd('copy'), 20_000, 20],
    ],
    writes: [[[5000, 64, 8]]],
  },
];

const DISKS: CellResult['disks'] = [
  {
    device: 'sda',
    sectors: 4096,
    volumes: [
      { device: 'sda1', startSector: 64, sectors: 2048, filesystem: 'ext4', role: 'origin' },
      { device: 'sda2', startSector: 2112, sectors: 1024, filesystem: 'unknown' },
    ],
  },
];

const stored = (findings: Parameters<typeof result>[0]): CellResult => {
  const { replay: _, ...rest } = result(findings);
  return {
    ...rest,
    machines: MACHINES,
    disks: DISKS,
    artifacts: { kernel: 'cd'.repeat(32) },
    copies: [[1, 300, 7, 2]],
    ...(rest.verdict === 'fail' && { console: '[    1.000000] fine\r\n[    2.000000] BUG: a <fault>\n' }),
  };
};
export const RESULTS: ReadonlyMap<string, CellResult> = new Map(
  PLAN.cells.flatMap(({ cell, keys }) =>
    keys === undefined
      ? []
      : [
          [keys.base, stored([])],
          [keys.patched, stored(cell.name === 'b' ? [LOST] : [])],
        ],
  ),
);
