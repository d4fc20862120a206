// SPDX-License-Identifier: MIT
/** Types of esbuild.config.mjs. */
export function buildAll(): Promise<void>;
export function buildWorkers(): Promise<void>;
export function buildPage(): Promise<void>;
export function buildBenchPage(): Promise<void>;
export function buildProgram(path: string): Promise<string>;
export function buildTests(paths: readonly string[]): Promise<void>;
