// SPDX-License-Identifier: MIT
/** `snapback build`: everything that a run needs, without running it. */
import { EXIT, InputError } from '../machine/errors.js';
import { obtainMachineFiles } from '../host/node/machine-files.js';
import { DEFAULT_MACHINE } from '../cycle/plan.js';
import { STANDARD_DISKS } from '../scenario/schema.js';
import { buildContext } from './build-context.js';
import { ensurePrerequisites } from './doctor.js';
import type { CommandContext } from './program.js';

export interface BuildOptions {
  readonly kernel: string;
  /** Also install what the tests need on the host. */
  readonly tests?: boolean;
}

export async function buildCommand({ kernel, tests }: BuildOptions, { signal }: CommandContext): Promise<number> {
  if (kernel !== 'release' && kernel !== 'debug') throw new InputError(`there is no kernel flavour '${kernel}'`, { remedy: 'use --kernel release or --kernel debug' });
  const { context, progress } = buildContext(signal);
  await ensurePrerequisites(context, tests === true ? ['browser'] : []);
  const { hashes } = await obtainMachineFiles({ ...DEFAULT_MACHINE, kernel }, STANDARD_DISKS, context);
  progress.clear();
  for (const [name, hash] of Object.entries(hashes)) console.log(`${hash.slice(0, 16)}  ${name}`);
  return EXIT.pass;
}
