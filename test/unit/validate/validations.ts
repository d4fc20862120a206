// SPDX-License-Identifier: MIT
/** Validations that never were. */
import type { Finding } from '../../../emulator/cycle/outcome.js';
import type { ReplayableResult } from '../../../emulator/validate/cell.js';
import { compareCell, type CellComparison } from '../../../emulator/validate/compare.js';
import { verdictOn, type Validation } from '../../../emulator/validate/validation.js';

export const LOST: Finding = { kind: 'memory', what: '1 page <differs> # here', details: ['pfn 0x12', 'Subtest: no'] };
export const WARNED: Finding = { kind: 'kernelFault', what: 'warning', details: [] };

export const result = (
  findings: readonly Finding[] = [],
  figures: ReplayableResult['figures'] = {},
): ReplayableResult => ({
  verdict: findings.length === 0 ? 'pass' : 'fail',
  findings,
  figures,
  stateHash: 'ab'.repeat(32),
  replay: 'npx snapback run x.yaml --seed 1',
});

export const compared = (name: string, base: ReplayableResult, patched: ReplayableResult): CellComparison =>
  compareCell({ name, scenario: 'x' }, base, patched);

export const validation = (cells: readonly CellComparison[], over: Partial<Validation> = {}): Validation => ({
  formatVersion: 2,
  verdict: verdictOn(cells, over.notRun ?? []),
  kernelVersion: '6.12.117',
  flavours: ['release'],
  matrix: 'quick',
  patches: [{ name: '0001-x.patch', subject: 'PM: hibernation: Do something' }],
  warnings: [],
  complaints: [],
  kernels: [{ flavour: 'release', base: 'ab'.repeat(32), patched: 'cd'.repeat(32) }],
  cells,
  notRun: [],
  ...over,
});
