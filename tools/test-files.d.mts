// SPDX-License-Identifier: MIT
/** Types of test-files.mjs. */
import type { KernelKind } from '../guest-kernel/build.js';
import type { TapCounts } from './tap-count.mjs';
export const LONG: readonly string[];
export function testFiles(dir: string): string[];
export function kernelsOf(files: readonly string[]): KernelKind[];
export function longFirst(files: readonly string[]): string[];
export function endTestFiles(signal: NodeJS.Signals): void;
export interface TestFileEnd {
  counts: TapCounts;
  seconds: number;
  processorSeconds: number;
  /** What is to be shown of it. */
  text: string;
}
export function runTestFile(
  file: string,
  options?: { bundle?: string; coverageDir?: string; hangsAfterMs?: number },
): Promise<TestFileEnd>;
