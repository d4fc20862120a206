// SPDX-License-Identifier: MIT
/** The guest program that keeps anonymous memory (hold.c), as a file for the guest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestFile } from '../../../emulator/cycle/plan.js';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { command } from '../../../emulator/host/node/process.js';
import { obtain } from '../../../emulator/host/node/artifacts/store.js';

export const HOLD_PATH = '/root/hold';
const FLAGS = ['-static', '-O2', '-Wall', '-Wextra', '-Werror'];

export async function obtainHold(context: BuildContext): Promise<GuestFile> {
  const source = packagePath('tools', 'bench', 'snapshot', 'hold.c');
  const { dir } = await obtain(
    {
      name: 'bench-hold',
      inputs: { source: await readFile(source), '#flags': FLAGS.join(' ') },
      build: async (into) => {
        await command('i686-linux-gnu-gcc', [...FLAGS, '-o', join(into, 'hold'), source], context, {
          remedy: 'install gcc-i686-linux-gnu',
        });
      },
    },
    context,
  );
  return { path: HOLD_PATH, mode: 0o755, bytes: await readFile(join(dir, 'hold')) };
}
