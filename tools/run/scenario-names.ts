// SPDX-License-Identifier: MIT
/** The scenarios that Snapback brings along, by name. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packagePath } from '../../emulator/host/node/paths.js';

const FOLDER = packagePath('test', 'scenarios');
const ENDING = '.yaml';

/** The names of all scenarios, in a fixed order. */
export const scenarioNames = (): readonly string[] =>
  readdirSync(FOLDER)
    .flatMap((file) => (file.endsWith(ENDING) ? [file.slice(0, -ENDING.length)] : []))
    .sort();

/** The file of the scenario of that name, whether it is there or not. */
export const scenarioPath = (name: string): string => join(FOLDER, `${name}${ENDING}`);
