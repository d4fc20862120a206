// SPDX-License-Identifier: MIT
export interface TapCounts {
  pass: number;
  fail: number;
  skip: number;
  skips: string[];
}
export function countTap(status: number, text: string): TapCounts;
export function addCounts(total: TapCounts, more: TapCounts): void;
