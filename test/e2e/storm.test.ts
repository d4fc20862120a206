// SPDX-License-Identifier: MIT
/** Two storms: snapshots against everything else that can go on. The soak runs a thousand, and sees mistakes of the kernel in storms. */
import t from 'tap';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { runStorm, stormReady, type Storm, type StormOutcome } from '../../tools/soak/storm.js';
import { bootable } from './guest-support.js';

/** At the end of the first one, the system goes back; in the second one, it commits. */
const SEEDS = [2, 4];

t.test('storms are weathered', async (t) => {
  const { files, booter, states } = await bootable();
  const storm: Storm = { booter, states, proofs: nodeProofs(files) };
  const ready = await stormReady(storm);
  const outcomes: StormOutcome[] = [];
  for (const seed of SEEDS) {
    const outcome = await runStorm(storm, ready, seed);
    t.same(outcome.failures, [], `seed ${seed}: ${outcome.cast}; again: npm run soak -- storm --seeds ${seed}`);
    t.ok(outcome.taken > 0, `${outcome.taken} snapshots were taken`);
    outcomes.push(outcome);
  }
  const count = (of: 'rolledBack' | 'committed') => outcomes.reduce((sum, outcome) => sum + outcome[of], 0);
  t.ok(count('rolledBack') > 0 && count('committed') > 0, 'live timelines were rolled back and committed');
});
