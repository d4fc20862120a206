// SPDX-License-Identifier: MIT
import type { BuildContext } from '../../tools/artifacts/context.js';
import { EXIT } from '../machine/errors.js';
import type { CommandContext } from './program.js';
export async function doctorCommand(_: CommandContext): Promise<number> { return EXIT.pass; }
export async function ensurePrerequisites(_: BuildContext): Promise<void> {}
