// SPDX-License-Identifier: MIT
/** Says what is wrong with a value that does not follow a schema. */
import type { ValidateFunction } from 'ajv';

/** The first problem of `value`, which `subject` names as a whole; undefined when it follows the schema. */
export function schemaProblem(validate: ValidateFunction, value: unknown, subject = 'it'): string | undefined {
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  const place = first?.instancePath ?? '';
  const at = place === '' ? subject : subject === 'it' ? place : `${place} of ${subject}`;
  return `${at} ${first?.message ?? 'does not follow the schema'}`;
}
