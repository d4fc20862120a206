// SPDX-License-Identifier: MIT
/** Kernels with mistakes that a short scenario shows. `npm run mutants` runs the others, too. */
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';
import { context } from './cycle-support.js';

// On a machine that has the kernel of the series and no tree for patches, a whole kernel is compiled.
t.setTimeout(1_800_000);

t.test('the quick mutants end as their heads say', async (t) => {
  const { stdout } = await command(process.execPath, [packagePath('tools/mutants.mjs'), '--quick'], context, {
    cwd: packagePath(),
    env: { NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
    okStatuses: [0, 1],
  });
  t.match(stdout, /^PASS {2}[3-9] mutants: each ended as its head says$/m);
});
