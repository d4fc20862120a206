// SPDX-License-Identifier: MIT
/**
 * Checks that each patch of the series boots. It goes through the commits of an opened tree, in a work tree beside it,
 * builds the release kernel at every commit, with the options that exist there, and boots it in the rig with all
 * self-checks.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadScenario, runScenario } from './library.js';
import { compileTree, configureTree, kernelSpec, type KernelArch } from '../guest-kernel/build.js';
import { addedOptions } from '../guest-kernel/each-text.js';
import type { Complaint } from '../guest-kernel/each.js';
import { BASE_TAG, commitsOf, titleOf } from '../guest-kernel/series.js';
import { git, workTree } from '../guest-kernel/worktree.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';

/** What runs a kernel of each architecture. */
const MACHINES: Record<KernelArch, string> = { i386: '{}', x86_64: '{ engine: qemu, arch: x86_64, processors: 2 }' };

/** Without a suspend, because the proofs need patches that come last. */
const scenario = (arch: KernelArch): string => `
name: each patch boots
machine: ${MACHINES[arch]}
control: false
steps:
  - boot
  - selfcheck: start
  - selfcheck: verify
  - shutdown
`;

/** The problems of the commits of `tree`. @throws RigError when one does not build. */
export async function bootEach(tree: string, arch: KernelArch, context: BuildContext): Promise<readonly Complaint[]> {
  const source = await workTree(tree, `${tree}.boots-${arch}`, context);
  const commits = await commitsOf(tree, context);
  const spec = await kernelSpec({ flavour: 'release', arch });
  const addedUpTo = async (commit: string): Promise<readonly string[]> =>
    addedOptions(await git(tree, ['diff', BASE_TAG, commit], context));
  const ofSeries = await addedUpTo('HEAD');
  const complaints: Complaint[] = [];

  for (const [index, patch] of commits.entries()) {
    const { id } = patch;
    const at = titleOf(patch);
    context.progress(`${index + 1} of ${commits.length}: ${at}`);
    await git(source, ['checkout', '-q', '--detach', id], context);
    const yet = await addedUpTo(id);
    await configureTree(
      source,
      spec.arch,
      spec.options.filter(({ name }) => !ofSeries.includes(name) || yet.includes(name)),
      context,
    );
    await compileTree(source, spec, context);
    const lines = await boot(source, arch, context);
    if (lines.length > 0) complaints.push({ at, lines });
  }
  return complaints;
}

/** The problems that the rig finds in a kernel. */
async function boot(kernel: string, arch: KernelArch, context: BuildContext): Promise<readonly string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'snapback-boot-'));
  try {
    const file = join(dir, 'boot.yaml');
    await writeFile(file, scenario(arch));
    const { report } = await runScenario(await loadScenario(file, { kernel }), context, { say: () => undefined });
    if (report.failures.length === 0) context.progress(`boots, ${report.selfChecks.passed} self-checks pass`);
    return report.failures.flatMap(({ what, details }) => [what, ...details]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
