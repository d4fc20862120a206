// SPDX-License-Identifier: MIT
/** Some storms, also on kernels that make mistakes, and one storm twice. `npm run soak -- storm` runs a thousand. */
import t from 'tap';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { runStorm, stormReady, type Storm, type StormKind, type StormOutcome } from '../../tools/soak/storm.js';
import { bootable } from '../e2e/guest-support.js';

/** At the end of the first one, the system goes back; the second one is resumed from, twice; in the third one, it commits. */
const SEEDS = [2, 7, 4, 33, 71, 100, 1, 3, 5, 6, 8, 9];
const SEEDS_MIN = 4;
const BOX_MS = 12_000;

/** A storm that ends by a rollback, and what is said when the kernel makes a mistake then. */
const GOING_BACK = 2;
const MISTAKES = {
  'keep-store': /\d+ mapped devices of the live timeline are there after it/,
  'skip-put-back': /page \d+ of shared memory is not what it was at the snapshot/,
} as const;
const withMistake = (mistake: string): StormKind => ({
  command: (seed) => ['sh', '-c', `echo ${mistake} > /sys/module/rig/parameters/break && exec storm run ${seed}`],
  lengthFactor: 1,
});

async function readyStorm(): Promise<{
  readonly storm: Storm;
  readonly ready: Awaited<ReturnType<typeof stormReady>>;
}> {
  const { files, booter, states } = await bootable();
  const storm: Storm = { booter, states, proofs: nodeProofs(files) };
  return { storm, ready: await stormReady(storm) };
}

t.test('storms are weathered', async (t) => {
  const { storm, ready } = await readyStorm();
  const startedMs = performance.now();
  const outcomes: StormOutcome[] = [];
  for (const seed of SEEDS) {
    if (outcomes.length >= SEEDS_MIN && performance.now() - startedMs > BOX_MS) break;
    const outcome = await runStorm(storm, ready, seed);
    t.same(outcome.failures, [], `seed ${seed}: ${outcome.cast}; again: npm run soak -- storm --seeds ${seed}`);
    outcomes.push(outcome);
  }
  const taken = outcomes.reduce((sum, outcome) => sum + outcome.taken, 0);
  t.ok(taken >= SEEDS_MIN, `${taken} snapshots were taken`);
  const count = (of: 'rolledBack' | 'resumed' | 'committed') => outcomes.reduce((sum, outcome) => sum + outcome[of], 0);
  t.ok(
    count('rolledBack') > 0 && count('resumed') > 0 && count('committed') > 0,
    'live timelines were rolled back, resumed from and committed',
  );

  for (const [mistake, found] of Object.entries(MISTAKES)) {
    const { failures } = await runStorm(storm, ready, GOING_BACK, withMistake(mistake));
    const said = failures.flatMap(({ what, details }) => [what, ...details]);
    t.ok(
      said.some((line) => found.test(line)),
      `${mistake} is noticed`,
      { said },
    );
  }

  // On another engine, without the code that the storms before it have left.
  const alone = await readyStorm();
  t.same(await runStorm(alone.storm, alone.ready, SEEDS[0] ?? 0), outcomes[0], 'the same seed is the same storm');
});
