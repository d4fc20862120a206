// SPDX-License-Identifier: MIT
/** `npm run mutants`: kernels with mistakes, each of which a proof must see. */
import { runProgram } from './program.mjs';

await runProgram('tools/mutants/main.ts');
