// SPDX-License-Identifier: MIT
/** The standard machine lives the same life in every process, from power-on and from a checkpoint. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { standardScenario } from '../../tools/cli/run.js';
import { obtainMachineFiles } from '../../tools/run/machine-files.js';
import { loadScenario } from '../../tools/run/scenario-file.js';
import { buildWorkers } from '../../esbuild.config.mjs';
import { defaultCacheDir } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';

await buildWorkers();
const context = { cacheDir: defaultCacheDir(), progress: () => undefined, signal: new AbortController().signal };

interface Life {
  readonly reasons: readonly { readonly why: string }[];
  readonly instructions: number;
  readonly writes: readonly number[];
  readonly consoleTail: readonly string[];
}

t.test('two processes from power-on and one from a checkpoint', async (t) => {
  // Built here, so that the lives do not wait for one another's kernel.
  const { plan, scenario } = await loadScenario(standardScenario(), {});
  await obtainMachineFiles(plan.machine, scenario.disks, context);
  const dir = await mkdtemp(join(tmpdir(), 'snapback-life-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const live = async (mode: 'save' | 'restore', file: string): Promise<Life> => {
    const { stdout } = await command(
      process.execPath,
      ['tools/run.mjs', 'test/e2e/life.ts', mode, join(dir, file)],
      context,
      { cwd: packagePath() },
    );
    return JSON.parse(stdout) as Life;
  };
  const [one, other] = await Promise.all([live('save', 'one'), live('save', 'other')]);
  t.same(
    one.reasons.map(({ why }) => why),
    ['trigger', 'timeout'],
    'it comes up and goes on to the end',
  );
  t.match(one.consoleTail.join('\n'), /[0-9a-f]{64}\s+\/root\/noise/, 'the shell did what was typed');
  t.ok(
    one.writes.every((count) => count >= 0) && one.writes.some((count) => count > 0),
    `writes ${one.writes.join(', ')}`,
  );
  t.same(other, one, 'instructions, time, RAM, disks and console are those of the first process');
  t.same(await live('restore', 'one'), one, 'and so from the checkpoint before the first disk access');
});
