// SPDX-License-Identifier: MIT
/** `snapback build`: builds everything that a run needs, without a run. */
import { kindName, type KernelKind } from '../../guest-kernel/build.js';
import { obtainMachineFiles } from '../run/machine-files.js';
import { DEFAULT_MACHINE } from '../../emulator/cycle/plan.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import { STANDARD_DISKS } from '../../emulator/scenario/schema.js';
import { readChanges } from '../../guest-kernel/patch-mail.js';
import { PatchesDoNotBuild } from '../../guest-kernel/kept-build.js';
import { builtKernels } from '../run/validate.js';
import { buildContext } from './build-context.js';
import { readPatchTexts } from './validate-input.js';
import { ensurePrerequisites, FOR_PATCHES, FOR_TESTS } from './doctor.js';
import type { CommandContext } from './context.js';

export interface BuildOptions {
  readonly kernel: KernelKind['flavour'];
  readonly arch: KernelKind['arch'];
  /** Files of patches with which the kernel is built, too; see `snapback validate`. */
  readonly patches?: readonly string[];
  /** Build what `npm test` needs instead: tools of the host, and all its kernels. */
  readonly tests?: boolean;
}

/** The kernels that the end-to-end tests of `npm test` boot. */
export const KERNELS_OF_TESTS: readonly KernelKind[] = [
  { flavour: 'release', arch: 'i386' },
  { flavour: 'release', arch: 'x86_64' },
];

export async function buildCommand(
  { kernel, arch, patches, tests }: BuildOptions,
  { signal }: CommandContext,
): Promise<number> {
  const { context, progress } = buildContext(signal);
  try {
    const changes = patches === undefined ? [] : await readChanges(await readPatchTexts(patches), context);
    await ensurePrerequisites(context, tests === true ? FOR_TESTS : changes.length > 0 ? FOR_PATCHES : []);
    const shown = new Set<string>();
    for (const kind of tests === true ? KERNELS_OF_TESTS : [{ flavour: kernel, arch }]) {
      const machine = { ...DEFAULT_MACHINE, kernel: kind.flavour, arch: kind.arch };
      const { hashes } = await obtainMachineFiles(machine, STANDARD_DISKS, context);
      progress.clear();
      for (const [name, hash] of Object.entries(hashes)) {
        const line = `${hash.slice(0, 16)}  ${name === 'kernel' ? `kernel ${kindName(kind)}` : name}`;
        if (!shown.has(line)) console.log(line);
        shown.add(line);
      }
    }
    if (changes.length > 0) {
      const { kernels } = await builtKernels(arch, [kernel], changes, context).catch((cause: unknown) => {
        if (!(cause instanceof PatchesDoNotBuild)) throw cause;
        throw new InputError([cause.message, ...cause.details].join('\n'), { cause, remedy: 'correct the patches' });
      });
      progress.clear();
      for (const { patched } of kernels)
        console.log(`${patched.slice(0, 16)}  kernel ${kindName({ flavour: kernel, arch })} with the patches`);
    }
  } finally {
    progress.clear();
  }
  return EXIT.pass;
}
