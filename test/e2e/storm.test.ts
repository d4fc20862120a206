// SPDX-License-Identifier: MIT
/** A few storms: snapshots against everything else that can go on. `npm run soak -- storm` runs a thousand. */
import t from 'tap';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { runStorm, stormReady, type Storm, type StormOutcome } from '../../tools/soak/storm.js';
import { bootable } from './guest-support.js';

/**
 * The first ones have found something once: a frozen filesystem below a loop device, a suspended device below a sync, a store
 * that two snapshots shared. At the end of the first one, the system goes back; at that of the third one, it commits. The others
 * are there for all the rest.
 */
const SEEDS = [7, 33, 3, 71, 100, 1, 2, 4, 5, 6, 8, 9];
const SEEDS_MIN = 4;
const BOX_MS = 20_000;

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
  const count = (of: 'rolledBack' | 'committed') => outcomes.reduce((sum, outcome) => sum + outcome[of], 0);
  t.ok(count('rolledBack') > 0 && count('committed') > 0, 'live timelines were rolled back and committed');

  // On another engine, without the code that the storms before it have left.
  const alone = await readyStorm();
  t.same(await runStorm(alone.storm, alone.ready, SEEDS[0] ?? 0), outcomes[0], 'the same seed is the same storm');
});
