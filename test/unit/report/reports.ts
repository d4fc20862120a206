// SPDX-License-Identifier: MIT
/** Reports of runs that never were. */
import type { Finding, RunOutcome, TimelineOutcome } from '../../../emulator/cycle/outcome.js';
import { DEFAULT_MACHINE, type MachineOptions } from '../../../emulator/cycle/plan.js';
import { reportOf, type Report, type ReportContext } from '../../../emulator/report/model.js';

export const HASH = 'ab'.repeat(32);

export const timeline = (over: Partial<TimelineOutcome> = {}): TimelineOutcome => ({
  cycles: [
    {
      method: 'swsusp',
      offMs: 3_600_000,
      frozen: { virtualMs: 1500, instructions: 700_000_000 },
      measures: {
        steps: { copy: { virtualMs: 20, instructions: 9_000_000 } },
        save: { virtualMs: 1000, instructions: 500_000_000 },
        resume: { virtualMs: 500, instructions: 200_000_000 },
        copiedPages: 2900,
        preservedPages: 40,
      },
      memory: { pagesCompared: 3000, pagesDiffering: 0, pagesByReason: { free: 60_000, nosave: 12 } },
      image: { bytes: 12_345_678, pagesCompared: 3000, pagesDiffering: 0 },
      disk: { sectorsCompared: 1_000_000, sectorsDiffering: 0, originSectorsWritten: 0 },
    },
  ],
  filesystems: [{ at: 'suspend', device: 'sda', filesystem: 'ext4', clean: true }],
  selfChecks: [{ name: 'pipes', passed: true, detail: '' }],
  commands: [],
  findings: [],
  stepsNotRun: [],
  total: { virtualMs: 3200, instructions: 1_600_000_000 },
  stateHash: HASH,
  console: new Uint8Array(),
  ...over,
});

export function reportWith(
  findings: readonly Finding[],
  over: Partial<RunOutcome> = {},
  machine: MachineOptions = DEFAULT_MACHINE,
): Report {
  return reportOf({ main: timeline(), control: timeline(), findings, ...over }, contextWith(machine));
}

export const contextWith = (machine: MachineOptions = DEFAULT_MACHINE): ReportContext => ({
  plan: { name: 'n', machine, files: [], steps: [], control: true },
  scenario: { name: 'stock suspend & resume', file: 'x.yaml', sha256: HASH },
  kernel: { version: '6.12.117', flavour: 'release', sha256: HASH },
  realMs: 9876,
  replay: 'npx snapback run x.yaml --seed 1',
  options: { memoryMiB: 256 },
  artifacts: { kernel: HASH },
  packages: { v86: '0.5.462' },
});
