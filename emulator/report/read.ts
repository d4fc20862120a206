// SPDX-License-Identifier: MIT
/** Reads a report back, checked against the schema. */
import { parseJson } from './json.js';
import type { Report } from './model.js';
import { lazyCompiler, schemaProblem } from './schema-problem.js';
import schema from './report.schema.json' with { type: 'json' };

const isReport = lazyCompiler({ allErrors: false, strict: true, allowUnionTypes: true })<Report>(schema);

/** Returns the report in `text`, or its first problem. */
export function readReport(text: string): { readonly report: Report } | { readonly problem: string } {
  const parsed = parseJson(text);
  if ('problem' in parsed) return parsed;
  const problem = schemaProblem(isReport, parsed.value);
  return problem === undefined ? { report: parsed.value as Report } : { problem };
}

/** Returns the reports in `text` (a single one, or a list of at least one), or the first problem. */
export function readReports(text: string): { readonly reports: readonly Report[] } | { readonly problem: string } {
  const parsed = parseJson(text);
  if ('problem' in parsed) return parsed;
  const list: readonly unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  if (list.length === 0) return { problem: 'it is an empty list: the run that wrote it ended without a verdict' };
  for (const [index, one] of list.entries()) {
    const problem = schemaProblem(isReport, one, list === parsed.value ? `report ${index + 1}` : 'it');
    if (problem !== undefined) return { problem };
  }
  return { reports: list as readonly Report[] };
}
