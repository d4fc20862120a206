// SPDX-License-Identifier: MIT
/** `snapback build`: builds everything that a run needs, without a run. */
import { KERNEL_FLAVOURS, type KernelFlavour } from '../../guest-kernel/build.js';
import { obtainRebuild } from '../../guest-kernel/rebuild.js';
import { obtainMachineFiles } from '../run/machine-files.js';
import { DEFAULT_MACHINE } from '../../emulator/cycle/plan.js';
import { EXIT } from '../../emulator/machine/errors.js';
import { STANDARD_DISKS } from '../../emulator/scenario/schema.js';
import { buildContext } from './build-context.js';
import { ensurePrerequisites, FOR_TESTS } from './doctor.js';
import type { CommandContext } from './context.js';

export interface BuildOptions {
  readonly kernel: KernelFlavour;
  /**
   * Also build what the tests need: tools of the host, each flavour of the kernel, and a second build for comparison.
   */
  readonly tests?: boolean;
}

export async function buildCommand({ kernel, tests }: BuildOptions, { signal }: CommandContext): Promise<number> {
  const { context, progress } = buildContext(signal);
  try {
    await ensurePrerequisites(context, tests === true ? FOR_TESTS : []);
    for (const flavour of tests === true ? KERNEL_FLAVOURS : [kernel]) {
      const { hashes } = await obtainMachineFiles({ ...DEFAULT_MACHINE, kernel: flavour }, STANDARD_DISKS, context);
      progress.clear();
      for (const [name, hash] of Object.entries(hashes)) {
        if (name === 'kernel') console.log(`${hash.slice(0, 16)}  kernel ${flavour}`);
        else if (flavour === kernel) console.log(`${hash.slice(0, 16)}  ${name}`);
      }
    }
    if (tests === true) await obtainRebuild('release', context);
  } finally {
    progress.clear();
  }
  return EXIT.pass;
}
