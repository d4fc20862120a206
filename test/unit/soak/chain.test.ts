// SPDX-License-Identifier: MIT
import t from 'tap';
import type { CycleOutcome } from '../../../emulator/cycle/outcome.js';
import { orderProblems } from '../../../emulator/cycle/phase.js';
import { unroll } from '../../../emulator/cycle/plan.js';
import { firstBadCycle, leakFindings, loadChain, pagesKept } from '../../../tools/soak/chain.js';

t.test('a chain is as long as told', async (t) => {
  const { plan, scenario } = await loadChain(25, { seed: 4 });
  t.equal(unroll(plan.steps).filter((step) => step.do === 'suspend' && step.method === 'sys_snapshot').length, 25);
  t.equal(plan.machine.seed, 4);
  t.match(scenario.name, /^25 snapshots/);
  const short = await loadChain(3);
  t.equal(unroll(short.plan.steps).filter(({ do: what }) => what === 'suspend').length, 3);
});

t.test('the seed decides how the cycles end, and the chain remains in order', async (t) => {
  const endsOf = async (cycles: number, seed: number): Promise<string> => {
    const { plan } = await loadChain(cycles, { seed });
    t.same(orderProblems(plan.steps).problems, []);
    return unroll(plan.steps)
      .flatMap((step) => (step.do === 'suspend' ? [(step.then ?? 'off').slice(0, 1)] : []))
      .join('');
  };
  const long = await endsOf(100, 1);
  const count = (end: string) => long.split(end).length - 1;
  t.same([count('o'), count('r'), count('c')], [40, 40, 20], 'resumes, rollbacks and commits');
  for (const pair of ['oo', 'rr', 'or', 'ro', 'oc', 'co', 'rc', 'cr'])
    t.match(long, pair, 'one after the other of each');
  t.equal(await endsOf(10, 1), long.slice(0, 10), 'a shorter chain is its beginning');
  t.not(await endsOf(100, 2), long);
  t.equal(await endsOf(100, 1), long);
});

t.test('a live timeline that is committed spoils nothing, and is not verified but read', async (t) => {
  const { plan } = await loadChain(20, { seed: 1 });
  const steps = unroll(plan.steps);
  const at = steps.findIndex((step) => step.do === 'suspend' && step.then === 'commit');
  t.match(steps[at], { offMs: 0, whileSaving: [{ command: /^head [^]*committed/ }] });
  t.match(steps[at + 1], { do: 'run', command: /md5sum -c/ });
  t.match(steps[at + 2], { do: 'run', command: 'storm pages' });
});

t.test('a cycle that is rolled back does the same in its live timeline, and has no image', async (t) => {
  const { plan } = await loadChain(20, { seed: 1 });
  const steps = unroll(plan.steps);
  const at = steps.findIndex((step) => step.do === 'suspend' && step.then === 'rollback');
  const resumed = steps.find((step) => step.do === 'suspend' && step.then === undefined);
  t.match(steps[at], { offMs: 0, whileSaving: [] });
  t.match(steps[at], { beforeSaving: resumed?.do === 'suspend' ? resumed.whileSaving : [] });
  t.match(steps[at + 1], { do: 'verify' });
  t.strictSame(steps[at + 1], { do: 'verify', proofs: ['memory', 'disk'] });
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
  const withoutImage: CycleOutcome = { ...cycle(0), image: undefined };
  t.equal(firstBadCycle([{ ...withoutImage, rolledBack: true }]), undefined);
  t.equal(firstBadCycle([withoutImage]), 1);
  t.equal(firstBadCycle([{ ...withoutImage, memory: undefined, committed: true }]), undefined);
  t.equal(firstBadCycle([{ ...cycle(0, 8), committed: true }]), 1);
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
