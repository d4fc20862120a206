// SPDX-License-Identifier: MIT
/** The matrices that Snapback brings along, by name. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelBase } from '../../emulator/cycle/plan.js';
import { packagePath } from '../../emulator/host/node/paths.js';

const FOLDER = packagePath('test', 'matrices');
const ENDING = '.yaml';
/** Those that are run when none is named. Without the series, all suspends are by swsusp. */
export const MATRIX_DEFAULTS = { series: 'quick', pristine: 'pristine' } as const satisfies Record<KernelBase, string>;
export const MATRIX_DEFAULT = MATRIX_DEFAULTS.series;

/** The names of all matrices: the default one first. */
export const matrixNames = (): readonly string[] =>
  readdirSync(FOLDER)
    .flatMap((file) => (file.endsWith(ENDING) ? [file.slice(0, -ENDING.length)] : []))
    .sort((a, b) => Number(b === MATRIX_DEFAULT) - Number(a === MATRIX_DEFAULT) || (a < b ? -1 : 1));

/** The file of the matrix of that name, whether it is there or not. */
export const matrixPath = (name: string): string => join(FOLDER, `${name}${ENDING}`);
