#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/** `npm run soak`: sets up what is missing, then runs the bundled program. */
import { runProgram } from './program.mjs';

await runProgram('tools/soak/main.ts');
