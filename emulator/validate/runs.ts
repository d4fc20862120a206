// SPDX-License-Identifier: MIT
/** The runs of a validation, for a trace. */
import type { TracedRun } from '../report/trace.js';
import type { CellResult } from './cell.js';
import type { ValidationPlan } from './plan.js';
import { machinesOf } from './shown.js';

/** The runs of a plan that have been done, each cell without and with the patches. */
export function runsOf(
  plan: Pick<ValidationPlan, 'cells'>,
  results: ReadonlyMap<string, CellResult>,
): readonly TracedRun[] {
  return plan.cells.flatMap(({ cell, keys }) =>
    [
      { which: 'without the patches', result: results.get(keys?.base ?? '') },
      { which: 'with the patches', result: results.get(keys?.patched ?? '') },
    ].flatMap(({ which, result }) =>
      result ? [{ name: `${cell.name}, ${which}`, machines: machinesOf(result.machines) }] : [],
    ),
  );
}
