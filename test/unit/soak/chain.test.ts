// SPDX-License-Identifier: MIT
import t from 'tap';
import type { CycleOutcome } from '../../../emulator/cycle/outcome.js';
import { unroll } from '../../../emulator/cycle/plan.js';
import { chainOf, firstBadCycle, leakFindings, loadChain, pagesKept } from '../../../tools/soak/chain.js';

t.test('a chain is as long as told', async (t) => {
  const { plan, scenario } = await loadChain(25, { seed: 4 });
  t.equal(unroll(plan.steps).filter((step) => step.do === 'suspend' && step.method === 'sys_snapshot').length, 25);
  t.equal(plan.machine.seed, 4);
  t.match(scenario.name, /^25 snapshots/);
  t.equal(unroll(chainOf(plan, 3).steps).filter(({ do: what }) => what === 'verify').length, 3);
});

t.test('the first cycle that a proof fails', (t) => {
  const cycle = (pagesDiffering: number, originSectorsWritten = 0): CycleOutcome => ({
    method: 'sys_snapshot',
    offMs: 0,
    frozen: undefined,
    memory: { pagesCompared: 1, pagesDiffering, pagesByReason: {} },
    image: { bytes: 1, pagesCompared: 1, pagesDiffering: 0 },
    disk: { sectorsCompared: 1, sectorsDiffering: 0, originSectorsWritten },
  });
  t.equal(firstBadCycle([cycle(0), cycle(0)]), undefined);
  t.equal(firstBadCycle([cycle(0), cycle(2), cycle(1)]), 2);
  t.equal(firstBadCycle([cycle(0), cycle(0), cycle(0, 8)]), 3);
  t.end();
});

t.test('what the kernel keeps of each cycle', (t) => {
  const counted = (unaccounted: number, slab: number) => ({
    stdout: `unaccounted ${unaccounted} kernel 2000 slab ${slab} lru 1\n`,
  });
  const steady = [
    counted(150, 1000),
    counted(200, 1500),
    counted(210, 1700),
    { stdout: 'of another command' },
    counted(209, 1702),
    counted(211, 1701),
  ];
  t.same(pagesKept(steady), { unaccountedPages: 0.5, slabPages: 0.5, cycles: 2 }, 'from the third cycle on');
  t.same(leakFindings(pagesKept(steady)), []);
  const leaking = [...steady.slice(0, 3), counted(211, 1700), counted(212, 1700)];
  t.match(leakFindings(pagesKept(leaking)), [{ kind: 'memory', what: /1\.00 pages/ }]);
  t.match(
    leakFindings(pagesKept([counted(1, 1), counted(1, 1), counted(1, 5), counted(1, 45)])),
    [{ what: /40\.00 of slab/ }],
    'more than slab swings by',
  );
  const long = Array.from({ length: 203 }, (_, cycle) => counted(1, 1000 + cycle));
  t.match(leakFindings(pagesKept(long)), [{ what: /1\.00 of slab/ }], 'a page of each of many cycles');
  t.equal(pagesKept(steady.slice(0, 3)), undefined, 'too few');
  t.match(leakFindings(undefined), [{ what: /did not count/ }]);
  t.end();
});
