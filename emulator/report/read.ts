// SPDX-License-Identifier: MIT
/** Reads a report back, checked against the schema. */
import { Ajv } from 'ajv';
import type { Report } from './model.js';
import schema from './report.schema.json' with { type: 'json' };

const validate = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true }).compile<Report>(schema);

/** Returns the report in `text`, or its first problem. */
export function readReport(text: string): { readonly report: Report } | { readonly problem: string } {
  const parsed = parse(text);
  if ('problem' in parsed) return parsed;
  const problem = problemOf(parsed.value, 'it');
  return problem === undefined ? { report: parsed.value as Report } : { problem };
}

/** Returns the reports in `text` (a single one, or a list of at least one), or the first problem. */
export function readReports(text: string): { readonly reports: readonly Report[] } | { readonly problem: string } {
  const parsed = parse(text);
  if ('problem' in parsed) return parsed;
  const list: readonly unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  if (list.length === 0) return { problem: 'it is an empty list: the run that wrote it ended without a verdict' };
  for (const [index, one] of list.entries()) {
    const problem = problemOf(one, list === parsed.value ? `report ${index + 1}` : 'it');
    if (problem !== undefined) return { problem };
  }
  return { reports: list as readonly Report[] };
}

function parse(text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `it is not JSON (${(error as Error).message})` };
  }
}

/** `subject` names the whole value in a problem. */
function problemOf(value: unknown, subject: string): string | undefined {
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  const place = first?.instancePath ?? '';
  const at = place === '' ? subject : subject === 'it' ? place : `${place} of ${subject}`;
  return `${at} ${first?.message ?? 'does not follow the schema'}`;
}
