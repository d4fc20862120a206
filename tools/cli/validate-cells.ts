// SPDX-License-Identifier: MIT
/** The cells of the matrix that a command names: one that Snapback brings along, or a file. */
import { dirname, join } from 'node:path';
import { readTextFile } from '../../emulator/host/node/text-file.js';
import { InputError } from '../../emulator/machine/errors.js';
import { isScenarioFile, type Cell } from '../../emulator/validate/cell.js';
import { MATRICES } from '../../emulator/validate/matrix.js';
import { readMatrix } from '../../emulator/validate/matrix-file.js';
import { nearest, renderIssues } from '../../emulator/yaml/index.js';
import { loadCell } from '../run/cell.js';
import { scenarioNames } from '../run/scenario-names.js';

/**
 * The cells of `matrix`, all of which can be run on `kernel`.
 * @throws InputError when there is no such matrix, or it or a scenario of it is not valid.
 */
export async function readCells(matrix: string, kernel: string): Promise<readonly Cell[]> {
  const cells = MATRICES[matrix] ?? (await readMatrixFile(matrix));
  for (const cell of cells) await loadCell(cell, kernel);
  return cells;
}

async function readMatrixFile(path: string): Promise<readonly Cell[]> {
  const names = Object.keys(MATRICES);
  if (!/[./]/.test(path)) {
    const like = nearest(path, names);
    throw new InputError(`there is no matrix '${path}'${like === undefined ? '' : `; did you mean '${like}'?`}`, {
      remedy: `name one of ${names.join(', ')}, or a file by its path, like ./${path}.yaml`,
    });
  }
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (cause) {
    throw new InputError(`cannot read the matrix ${path}`, { cause, remedy: 'give the path of a YAML file' });
  }
  const read = readMatrix(text, path, scenarioNames());
  if ('issues' in read)
    throw new InputError(`${path} is not a valid matrix\n${renderIssues(read.issues)}`, {
      remedy: 'correct the places above; the README shows an example',
    });
  return read.cells.map((cell) =>
    isScenarioFile(cell) ? { ...cell, scenario: join(dirname(path), cell.scenario) } : cell,
  );
}
