// SPDX-License-Identifier: MIT
/** Compares what came of a cell without and with the patches. */
import type { Finding, FindingKind } from '../cycle/outcome.js';
import type { Cell, ReplayableResult } from './cell.js';
import { compareFigures, type FigureChange } from './figure-change.js';

/** `broken before`: it fails with and without the patches, and the patches add no kind of finding. */
export type Change = 'unchanged' | 'fixed' | 'broken' | 'broken before';

export interface CellComparison {
  readonly cell: Cell;
  readonly change: Change;
  readonly base: ReplayableResult;
  readonly patched: ReplayableResult;
  /** Findings of a kind that the kernel without the patches has none of. */
  readonly newFindings: readonly Finding[];
  /** Empty unless both kernels passed: a run that ended early has other figures. */
  readonly figures: readonly FigureChange[];
}

export function compareCell(cell: Cell, base: ReplayableResult, patched: ReplayableResult): CellComparison {
  const known = new Set<FindingKind>(base.findings.map(({ kind }) => kind));
  const newFindings = patched.findings.filter(({ kind }) => !known.has(kind));
  const bothPass = base.verdict === 'pass' && patched.verdict === 'pass';
  return {
    cell,
    change: changeOf(base, patched, newFindings.length > 0),
    base,
    patched,
    newFindings,
    figures: bothPass ? compareFigures(base.figures, patched.figures, cell.bounds) : [],
  };
}

function changeOf(base: ReplayableResult, patched: ReplayableResult, isNew: boolean): Change {
  if (patched.verdict === 'pass') return base.verdict === 'pass' ? 'unchanged' : 'fixed';
  return base.verdict === 'pass' || isNew ? 'broken' : 'broken before';
}

/** The number of cells by what the patches changed, in this order. */
export function countChanges(cells: readonly Pick<CellComparison, 'change'>[]): Readonly<Record<Change, number>> {
  const count = (change: Change): number => cells.filter((cell) => cell.change === change).length;
  return {
    broken: count('broken'),
    fixed: count('fixed'),
    unchanged: count('unchanged'),
    'broken before': count('broken before'),
  };
}
