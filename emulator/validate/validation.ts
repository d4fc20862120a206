// SPDX-License-Identifier: MIT
/** What a validation of patches has found. */
import type { KernelFlavour } from '../cycle/plan.js';
import type { CellComparison } from './compare.js';
import { countChanges } from './compare.js';

export interface ValidatedPatch {
  /** For people: the file, and the number of the mail if the file holds several. */
  readonly name: string;
  /** Empty for a change without a message. */
  readonly subject: string;
}

export interface Validation {
  readonly formatVersion: 2;
  /**
   * `broken`: a cell is broken by the patches. `does not build`: no cell was run. `unfinished`: not all cells were run, for the
   * reason in `ended`, and none of those that were is broken.
   */
  readonly verdict: ValidationVerdict;
  /** `6.12.117`. */
  readonly kernelVersion: string;
  /** Of the kernels, each once, in the order of the matrix. */
  readonly flavours: readonly KernelFlavour[];
  readonly matrix: string;
  readonly patches: readonly ValidatedPatch[];
  /** Why it does not build; absent when it does. */
  readonly buildFailure?: { readonly where: string; readonly details: readonly string[] };
  /** Warnings of the compiler about the kernel with the patches that the one without them does not have. */
  readonly warnings: readonly string[];
  /** What other tools complain about in the patches. */
  readonly complaints: readonly ToolComplaints[];
  /** Of each flavour. Absent when one does not build. */
  readonly kernels?: readonly ValidatedKernels[];
  /** Those that were run, in the order of the matrix. */
  readonly cells: readonly CellComparison[];
  /** Which patches break the cells that are broken; absent unless that was asked for. */
  readonly bisected?: readonly BisectedCell[];
  /** Why the validation ended early; absent when it did not. */
  readonly ended?: { readonly reason: string; readonly details: readonly string[] };
  /** The names of those that were not run. */
  readonly notRun: readonly string[];
}

/** Tools of the kernel's developers that look at patches, and at the files that these touch. */
export const CHECKING_TOOLS = ['checkpatch', 'sparse', 'kernel-doc'] as const;

export interface ToolComplaints {
  readonly tool: (typeof CHECKING_TOOLS)[number];
  readonly lines: readonly string[];
}

/** SHA-256 (hex) of the kernels of a flavour without and with the patches. */
export interface ValidatedKernels {
  readonly flavour: KernelFlavour;
  readonly base: string;
  readonly patched: string;
}

export interface BisectedCell {
  /** Its name. */
  readonly cell: string;
  /** The first patch that breaks it, or those of which one does. */
  readonly suspects: readonly ValidatedPatch[];
  /** Those with which the kernel does not build or the list does not apply, and why. */
  readonly skipped: readonly { readonly patch: ValidatedPatch; readonly why: string }[];
}

export type ValidationVerdict = 'not broken' | 'broken' | 'does not build' | 'unfinished';

/** The verdict about patches that build. */
export function verdictOn(
  cells: readonly Pick<CellComparison, 'change'>[],
  notRun: readonly string[],
): Exclude<ValidationVerdict, 'does not build'> {
  if (countChanges(cells).broken > 0) return 'broken';
  return notRun.length > 0 ? 'unfinished' : 'not broken';
}
