// SPDX-License-Identifier: MIT
/** Remembers in the cache the validation that was begun last, until it has come to its end, for `snapback validate --resume`. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { REMEMBERED } from '../../emulator/host/node/artifacts/clean.js';
import { makeFolder } from '../../emulator/host/node/make-folder.js';
import { parseJson } from '../../emulator/report/json.js';
import { lazyCompiler } from '../../emulator/report/schema-problem.js';
import { isScenarioFile, type Cell } from '../../emulator/validate/cell.js';
import { FREEZE_ORDERS, KERNEL_BASES, SUSPEND_METHODS } from '../../emulator/cycle/plan.js';
import { KERNEL_FLAVOURS, type KernelFlavour } from '../../guest-kernel/build.js';
import type { Change } from '../../guest-kernel/patch-mail.js';

/** What has to be done again to go on. Paths are absolute. */
export interface LastValidation {
  readonly changes: readonly Change[];
  readonly cells: readonly Cell[];
  readonly options: LastOptions;
}

/** The options of a validation that name files for what was found. */
export const REPORT_OPTIONS = ['json', 'junit', 'ktap', 'summary', 'trace', 'html'] as const;

/** Files for what was found; `-` is standard output. */
export type ReportOptions = Readonly<Partial<Record<(typeof REPORT_OPTIONS)[number], string>>>;

/** Those whose names of files are relative to the working directory. */
export const FILE_OPTIONS = ['results', ...REPORT_OPTIONS] as const;

export interface LastOptions extends ReportOptions {
  readonly matrix: string;
  readonly flavour: KernelFlavour;
  readonly jobs?: number;
  readonly results?: string;
  readonly bisect?: boolean;
}

const string = { type: 'string' };
const isLast = lazyCompiler({ strict: true })<LastValidation>({
  type: 'object',
  required: ['changes', 'cells', 'options'],
  properties: {
    changes: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['name', 'subject', 'diff'],
        properties: {
          name: string,
          subject: string,
          diff: string,
          head: string,
          tree: {
            type: 'object',
            required: ['dir', 'commit', 'contents', 'base', 'version', 'isMarked'],
            properties: {
              dir: string,
              commit: string,
              contents: string,
              version: string,
              base: { enum: KERNEL_BASES },
              isMarked: { type: 'boolean' },
            },
          },
        },
      },
    },
    cells: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['name', 'scenario'],
        properties: {
          name: string,
          scenario: string,
          seed: { type: 'integer' },
          memoryMiB: { type: 'integer' },
          freezeOrder: { enum: FREEZE_ORDERS },
          method: { enum: SUSPEND_METHODS },
          parameters: { type: 'object', required: [], additionalProperties: string },
          flavour: { enum: KERNEL_FLAVOURS },
          bounds: { type: 'object', required: [], additionalProperties: { type: 'number' } },
        },
      },
    },
    options: {
      type: 'object',
      required: ['matrix', 'flavour'],
      properties: {
        matrix: string,
        flavour: { enum: KERNEL_FLAVOURS },
        jobs: { type: 'integer', minimum: 1 },
        results: string,
        bisect: { type: 'boolean' },
        ...Object.fromEntries(REPORT_OPTIONS.map((name) => [name, string])),
      },
    },
  },
});

const recordIn = (cacheDir: string): string => join(cacheDir, REMEMBERED, 'validation.json');

/** The validation that has not come to its end; undefined when there is none, or when another version has left it. */
export async function lastValidation(cacheDir: string): Promise<LastValidation | undefined> {
  const text = await readFile(recordIn(cacheDir), 'utf8').catch(() => undefined);
  const read = text === undefined ? undefined : parseJson(text);
  return read && 'value' in read && isLast()(read.value) ? read.value : undefined;
}

/**
 * Remembers `validation`, in the place of an earlier one. Paths in it may be relative. The answer forgets it, unless another one has been
 * begun since; it is undefined when the cache cannot be written.
 */
export async function rememberValidation(
  cacheDir: string,
  { changes, cells, options }: LastValidation,
): Promise<(() => Promise<void>) | undefined> {
  const files = FILE_OPTIONS.flatMap((name) => {
    const file = options[name];
    return file === undefined ? [] : [[name, file === '-' ? file : resolve(file)] as const];
  });
  const record: LastValidation = {
    changes,
    cells: cells.map((cell) => (isScenarioFile(cell) ? { ...cell, scenario: resolve(cell.scenario) } : cell)),
    options: { ...options, ...Object.fromEntries(files) },
  };
  const text = JSON.stringify(record);
  const path = recordIn(cacheDir);
  const partial = `${path}.${randomUUID()}`;
  try {
    await makeFolder(dirname(path));
    await writeFile(partial, text);
    await rename(partial, path);
  } catch {
    await rm(partial, { force: true }).catch(() => undefined);
    return undefined;
  }
  return async () => {
    if ((await readFile(path, 'utf8').catch(() => '')) === text) await rm(path, { force: true });
  };
}
