// SPDX-License-Identifier: MIT
/** `--html`: a validation as a page. What renders it is a bundle of its own, because it has Preact in it. */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type * as ValidationPage from '../../emulator/host/browser/report/validation-page.js';
import type { CellShown, RunShown } from '../../emulator/host/browser/report/validation-page.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import type { CellResult } from '../../emulator/validate/cell.js';
import type { ValidationPlan } from '../../emulator/validate/plan.js';
import { kindsOf, machinesOf } from '../../emulator/validate/shown.js';
import type { Validation } from '../../emulator/validate/validation.js';

/** The page about `validation`, which has come of `plan` and `results`. */
export async function renderHtml(
  validation: Validation,
  plan: Pick<ValidationPlan, 'cells'>,
  results: ReadonlyMap<string, CellResult>,
): Promise<string> {
  const { renderValidationPage } = (await import(
    pathToFileURL(packagePath('dist', 'report-page.mjs')).href
  )) as typeof ValidationPage;
  const css = await readFile(packagePath('dist', 'browser', 'report-page.css'), 'utf8');
  return renderValidationPage(validation, shownOf(plan, results), css);
}

/** What the runs of cells have shown, by the names of the cells. */
export function shownOf(
  plan: Pick<ValidationPlan, 'cells'>,
  results: ReadonlyMap<string, CellResult>,
): ReadonlyMap<string, CellShown> {
  return new Map(
    plan.cells.flatMap(({ cell, keys }) => {
      const [base, patched] = [results.get(keys?.base ?? ''), results.get(keys?.patched ?? '')];
      return base && patched ? [[cell.name, { base: runOf(base), patched: runOf(patched) }] as const] : [];
    }),
  );
}

const runOf = ({ artifacts, machines, disks, copies, console }: CellResult): RunShown => ({
  artifacts,
  machines: machinesOf(machines),
  copies: copies.map(kindsOf),
  disks: disks.map((disk) => ({ ...disk, volumes: disk.volumes.map((volume) => ({ ...volume, role: volume.role })) })),
  ...(console !== undefined && { console }),
});
