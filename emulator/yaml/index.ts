// SPDX-License-Identifier: MIT
/** YAML with positions and strict keys. */
export * from './edit.js';
export * from './issue.js';
export * from './load.js';
export * from './nearest.js';
export * from './scalars.js';
export * from './shape.js';
