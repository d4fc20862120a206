// SPDX-License-Identifier: MIT
/** The cells of the matrix that a command names: one that Snapback brings along, or a file. */
import { dirname, join } from 'node:path';
import { readTextFile } from '../../emulator/host/node/text-file.js';
import { InputError } from '../../emulator/machine/errors.js';
import { isScenarioFile, type Cell } from '../../emulator/validate/cell.js';
import { readMatrix } from '../../emulator/validate/matrix-file.js';
import { nearest, renderIssues } from '../../emulator/yaml/index.js';
import { flavourOf, type KernelBase, type KernelFlavour } from '../../emulator/cycle/plan.js';
import { loadCell } from '../run/cell.js';
import { matrixNames, matrixPath } from '../run/matrix-names.js';
import { UnfitMachine } from '../run/scenario-file.js';
import { scenarioNames } from '../run/scenario-names.js';

/**
 * The cells of `matrix`, all of which can be run on the kernel of a flavour: `flavour`, for those that name none. `base`: the source of
 * all kernels, whatever the matrix names.
 * @throws InputError when there is no such matrix, or it or a scenario of it is not valid.
 */
export async function readCells(matrix: string, flavour: KernelFlavour, base?: KernelBase): Promise<readonly Cell[]> {
  const path = matrixFile(matrix);
  const cells = (await readMatrixFile(path)).map((cell) =>
    base === undefined || cell.flavour === undefined ? cell : { ...cell, flavour: flavourOf(base, cell.flavour) },
  );
  for (const cell of cells) {
    await loadCell(cell, cell.flavour ?? flavour).catch((error: unknown) => {
      if (!(error instanceof UnfitMachine)) throw error;
      throw new InputError(`${path} has the cell '${cell.name}', and ${error.message}`, {
        cause: error,
        remedy: 'let the axis stand at the scenarios that allow it: `{ scenario: NAME, AXIS: [...] }`',
      });
    });
  }
  return cells;
}

/** The file of a matrix that is named, or of one that Snapback brings along. */
function matrixFile(matrix: string): string {
  const names = matrixNames();
  if (names.includes(matrix)) return matrixPath(matrix);
  if (/[./]/.test(matrix)) return matrix;
  const like = nearest(matrix, names);
  throw new InputError(`there is no matrix '${matrix}'${like === undefined ? '' : `; did you mean '${like}'?`}`, {
    remedy: `name one of ${names.join(', ')}, or a file by its path, like ./${matrix}.yaml`,
  });
}

async function readMatrixFile(path: string): Promise<readonly Cell[]> {
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
