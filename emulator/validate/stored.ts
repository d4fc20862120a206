// SPDX-License-Identifier: MIT
/** Reads what shards have stored, checked against schemas that are made of that of a validation. */
import { parseJson } from '../report/json.js';
import { lazyCompiler, schemaProblem, type Compiled } from '../report/schema-problem.js';
import type { Filesystem } from '../verify/disk/partitions.js';
import type { CellResult } from './cell.js';
import type { ShardState, ValidationPlan } from './plan.js';
import { SHARDS_MAX } from './shards.js';
import schema from './validation.schema.json' with { type: 'json' };

const { definitions, properties: all } = schema;
const { replay: _, ...result } = definitions.result.properties;
const object = (
  required: Readonly<Record<string, object>>,
  optional: Readonly<Record<string, object>> = {},
): object => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(required),
  properties: { ...required, ...optional },
});
const string = { type: 'string', minLength: 1 };
/** A key of an artifact. */
const key = { type: 'string', pattern: '^[0-9a-f]{20}$' };
const count = { type: 'integer', minimum: 1, maximum: SHARDS_MAX };

const compiler = lazyCompiler({ allErrors: false, strict: true, allowUnionTypes: true });
const compile = <T>(one: object): Compiled<T> => compiler<T>({ ...one, definitions });

const FILESYSTEMS: readonly Filesystem[] = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'vfat', 'swap', 'unknown'];
/** See {@link StoredMachine}. */
const triples = {
  type: 'array',
  items: { type: 'array', items: { type: 'number', minimum: 0 }, minItems: 3, maxItems: 3 },
};
const machine = object({
  number: { type: 'integer', minimum: 1 },
  startVirtualMs: { type: 'number', minimum: 0 },
  virtualMs: { type: 'number', minimum: 0 },
  instructions: { type: 'integer', minimum: 0 },
  markers: triples,
  writes: { type: 'array', items: triples },
});

const volume = object(
  {
    device: string,
    startSector: { type: 'integer', minimum: 0 },
    sectors: { type: 'integer', minimum: 0 },
    filesystem: { enum: FILESYSTEMS },
  },
  { role: { enum: ['origin', 'COW store', 'image store', 'swap'] } },
);
/** See {@link StoredKinds}. A machine has less than 2^20 pages. */
const kinds = { type: 'array', items: { type: 'integer', minimum: 0, maximum: 2 ** 20 } };
const disk = object({
  device: string,
  sectors: { type: 'integer', minimum: 0 },
  volumes: { type: 'array', items: volume },
});

const isResult = compile<CellResult>(
  object(
    {
      ...result,
      artifacts: { type: 'object', required: [], additionalProperties: definitions.sha256 },
      machines: { type: 'array', items: machine },
      disks: { type: 'array', items: disk },
      copies: { type: 'array', items: kinds },
    },
    { console: { type: 'string' } },
  ),
);
const isPlan = compile<ValidationPlan>(
  object(
    {
      formatVersion: all.formatVersion,
      kernelVersion: all.kernelVersion,
      flavours: all.flavours,
      matrix: all.matrix,
      patches: all.patches,
      warnings: all.warnings,
      complaints: all.complaints,
      changes: key,
      cells: {
        type: 'array',
        items: object(
          {
            cell: all.cells.items.properties.cell,
            flavour: definitions.flavour,
            seed: all.cells.items.properties.cell.properties.seed,
            machineWords: { type: 'string' },
          },
          { keys: object({ base: key, patched: key }) },
        ),
      },
    },
    {
      kernels: {
        type: 'array',
        minItems: 1,
        items: object({ ...definitions.kernels.properties, artifact: string }),
      },
      buildFailure: all.buildFailure,
    },
  ),
);
const isState = compile<ShardState>(
  object(
    { shard: object({ index: count, count }), state: { enum: ['began', 'done', 'failed'] } },
    { ended: all.ended },
  ),
);

export type Read<T> = { readonly value: T } | { readonly problem: string };

function read<T>(is: Compiled<T>): (text: string) => Read<T> {
  return (text) => {
    const parsed = parseJson(text);
    if ('problem' in parsed) return parsed;
    const problem = schemaProblem(is, parsed.value);
    return problem === undefined ? { value: parsed.value as T } : { problem };
  };
}

export const readResult = read(isResult);
export const readPlan = read(isPlan);
export const readState = read(isState);
