// SPDX-License-Identifier: MIT
/** Says what is wrong with a value that does not follow a schema. */
import { Ajv, type Options, type ValidateFunction } from 'ajv';

/** Compiles a schema at the first call. */
export type Compiled<T> = () => ValidateFunction<T>;

/** Prepares schemas that are compiled when they are first needed, because that takes longer than most commands need to start. */
export function lazyCompiler(options: Options): <T>(schema: object) => Compiled<T> {
  let ajv: Ajv | undefined;
  return <T>(schema: object) => {
    let validate: ValidateFunction<T> | undefined;
    return () => (validate ??= (ajv ??= new Ajv(options)).compile<T>(schema));
  };
}

/** The first problem of `value`, which `subject` names as a whole; undefined when it follows the schema. */
export function schemaProblem(compiled: Compiled<unknown>, value: unknown, subject = 'it'): string | undefined {
  const validate = compiled();
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  const place = first?.instancePath ?? '';
  const at = place === '' ? subject : subject === 'it' ? place : `${place} of ${subject}`;
  return `${at} ${first?.message ?? 'does not follow the schema'}`;
}
