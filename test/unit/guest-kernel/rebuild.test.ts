// SPDX-License-Identifier: MIT
/** The second build of the reproducibility test is interrupted as by a user, or the test says that it was not. */
import t from 'tap';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { command } from '../../../emulator/host/node/process.js';
import { interruptedAt } from '../../../guest-kernel/rebuild.js';

function user() {
  const controller = new AbortController();
  const said: (readonly [string, number | undefined])[] = [];
  const progress: BuildContext['progress'] = (what, fraction) => void said.push([what, fraction]);
  return { controller, said, context: { cacheDir: '/nowhere', signal: controller.signal, progress } };
}

/** Prints five steps, and would then go on for long. */
const STEPS = 'for n in 1 2 3 4 5; do echo $n; done; sleep 1000';
const compile = (within: BuildContext): Promise<unknown> =>
  command('sh', ['-c', STEPS], within, { onLine: (line) => within.progress('compiling', Number(line) / 10) });

t.test('at the given fraction, the programs of the build are ended', async (t) => {
  const { context, said } = user();
  await interruptedAt(0.5, context, async (within) => void (await compile(within)));
  t.same(said.at(-1), ['compiling', 0.5]);
});

t.test('a build that never comes there, and one that fails, are told', async (t) => {
  const { context } = user();
  await t.rejects(
    interruptedAt(0.5, context, () => Promise.resolve()),
    { name: 'RigError', message: /before it could be interrupted at 50 %/ },
  );
  await t.rejects(
    interruptedAt(0.5, context, () => Promise.reject(new Error('does not compile'))),
    { message: 'does not compile' },
  );
});

t.test('who interrupts it is not taken for the interruption on purpose', async (t) => {
  const { context, controller } = user();
  const work = interruptedAt(0.9, context, async (within) => {
    setTimeout(() => controller.abort(new Error('by the user')), 100);
    await compile(within);
  });
  await t.rejects(work, { message: 'by the user' });
});
