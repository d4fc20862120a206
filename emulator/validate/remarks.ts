// SPDX-License-Identifier: MIT
/** What the compiler and other tools say of patches, as every report has it. */
import { counted } from '../report/numbers.js';
import type { Validation } from './validation.js';

export interface Remarks {
  readonly tool: string;
  readonly lines: readonly string[];
}

/** Of each tool that is not content. */
export const remarksOf = ({
  warnings,
  complaints,
}: Pick<Validation, 'warnings' | 'complaints'>): readonly Remarks[] => [
  ...(warnings.length > 0 ? [{ tool: 'compiler', lines: warnings }] : []),
  ...complaints,
];

/** `2 lines of sparse`. */
export const remarksTitle = ({ tool, lines }: Remarks): string => `${counted(lines.length, 'line')} of ${tool}`;

/** Every line, with the tool that it is of. */
export const remarkLines = (validation: Pick<Validation, 'warnings' | 'complaints'>): readonly string[] =>
  remarksOf(validation).flatMap(({ tool, lines }) => lines.map((line) => `${tool}: ${line}`));
