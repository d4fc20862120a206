// SPDX-License-Identifier: MIT
/** Reads a report back, checked against the schema. */
import { Ajv } from 'ajv';
import type { Report } from './model.js';
import schema from './report.schema.json' with { type: 'json' };

const validate = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true }).compile<Report>(schema);

/** The report in `text`, or the first thing that is wrong with it. */
export function readReport(text: string): { readonly report: Report } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `it is not JSON (${(error as Error).message})` };
  }
  if (validate(value)) return { report: value };
  const [first] = validate.errors ?? [];
  return {
    problem: `${first?.instancePath === '' ? 'it' : (first?.instancePath ?? 'it')} ${first?.message ?? 'does not follow the schema'}`,
  };
}
