// SPDX-License-Identifier: MIT
export function isNodeNewEnough(version?: string): boolean;
export function runAgainOnNewerNode(root: string): Promise<never>;
export function whatNpmSays(output: string): string;
