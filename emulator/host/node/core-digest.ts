// SPDX-License-Identifier: MIT
/** Which version of the code decides what a machine does. */

/** esbuild.config.mjs puts it here. */
declare const CORE_DIGEST: string;

/** SHA-256 (hex) over v86, what the rig adds to it, the boot, and the way to the prompt. Comments do not count. */
export const coreDigest = (): string => CORE_DIGEST;
