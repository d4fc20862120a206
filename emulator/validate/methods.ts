// SPDX-License-Identifier: MIT
/** The same work by both methods, side by side. */
import { SUSPEND_METHODS, type SuspendMethod } from '../cycle/plan.js';
import { bytes, grouped, millions } from '../report/numbers.js';
import type { Cell } from './cell.js';
import type { CellComparison } from './compare.js';
import type { Figures } from './figures.js';

/** A row of the table: what one method came to on the kernel with the patches. */
export interface MethodRow {
  /** The cell's name without the method. */
  readonly work: string;
  readonly method: SuspendMethod;
  readonly verdict: 'pass' | 'fail';
  /** One for each of {@link METHOD_COLUMNS}. `-`: it was not measured. */
  readonly values: readonly string[];
}

interface Column {
  readonly title: string;
  readonly of: (figures: Figures) => number | undefined;
  readonly text: (value: number) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'standstill', of: ({ standstillMs }) => standstillMs, text: (ms) => `${grouped(ms)} ms` },
  { title: 'instructions', of: ({ standstillInstructions }) => standstillInstructions, text: millions },
  { title: 'pages', of: ({ imagePages }) => imagePages, text: grouped },
  { title: 'image', of: ({ imageBytes }) => imageBytes, text: bytes },
  { title: 'save', of: ({ saveInstructions }) => saveInstructions, text: millions },
  { title: 'resume', of: ({ resumeInstructions }) => resumeInstructions, text: millions },
];

/**
 * The columns: how long no program ran, and the instructions of that; the pages and bytes of the image; the instructions from the copy to
 * power-off, and of the resume.
 */
export const METHOD_COLUMNS: readonly string[] = COLUMNS.map(({ title }) => title);

/**
 * The rows of all work that was done by both methods, in the order of the cells. Of several orders of freezing, which only snapshot(2)
 * has, each is a row.
 */
export function methodRows(cells: readonly CellComparison[]): readonly MethodRow[] {
  const groups = new Map<string, CellComparison[]>();
  for (const one of cells) {
    if (one.cell.method === undefined) continue;
    const key = workKey(one.cell);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((group) => {
    const has = (method: SuspendMethod): boolean => group.some(({ cell }) => cell.method === method);
    if (!SUSPEND_METHODS.every(has)) return [];
    return group.flatMap(({ cell, patched: { verdict, figures } }) =>
      cell.method === undefined
        ? []
        : [
            {
              work: cell.name.replace(`, ${cell.method}`, ''),
              method: cell.method,
              verdict,
              values: COLUMNS.map(({ of, text }) => {
                const value = of(figures);
                return value === undefined ? '-' : text(value);
              }),
            },
          ],
    );
  });
}

/** Equal for cells that do the same work on the same machine. */
function workKey({ scenario, seed, memoryMiB, parameters = {}, flavour }: Cell): string {
  const values = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([scenario, seed, memoryMiB, values, flavour]);
}
