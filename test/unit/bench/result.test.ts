// SPDX-License-Identifier: MIT
/** From samples to the numbers and sentences that are shown. */
import t from 'tap';
import {
  bootResult,
  cycleResult,
  memoryResult,
  renderResult,
  type BenchResult,
  type CycleSamples,
} from '../../../tools/bench/result.js';
import { quotient, renderTable, seconds } from '../../../tools/bench/table.js';
import { aimText } from '../../../tools/bench/verdict.js';
import { summarize } from '../../../tools/bench/statistics.js';

t.test('a table aligns its columns, the first to the left', (t) => {
  const text = renderTable(
    ['', 'time', 'over'],
    [
      ['short', '1 s', '1.00'],
      ['a longer name', '12.5 s'],
    ],
  );
  t.equal(
    text,
    [
      '                 time  over',
      '-------------  ------  ----',
      'short             1 s  1.00',
      'a longer name  12.5 s',
    ].join('\n'),
  );
  t.end();
});

t.test('numbers', (t) => {
  t.equal(seconds(summarize([1200, 1000, 3456])), '1.20 s (1.00 .. 3.46)');
  t.equal(quotient({ ofMedians: 0.5, min: 0.25, max: 1.999 }), '0.50 (0.25 .. 2.00)');
  t.equal(aimText({ atMost: 0.5 }, 0.5), 'aim at most 0.5: met');
  t.equal(aimText({ atMost: 0.5 }, 0.5001), 'aim at most 0.5: missed');
  t.equal(aimText({ atLeast: 5 }, 4.9), 'aim at least 5: missed');
  t.end();
});

const boots = (...all: readonly number[]): { ms: number; cpuMs: number }[] =>
  all.map((ms) => ({ ms, cpuMs: ms / 2 + 100 }));

t.test('boot: ours over ordinary', (t) => {
  const slow = bootResult(boots(1000, 1000, 1000), boots(1060, 1060, 1060));
  t.equal(slow.cpuMs.ratio.ofMedians, 630 / 600);
  t.match(slow.verdict, { ratio: { ofMedians: 1.06 }, met: false });
  t.match(bootResult(boots(1000, 1000, 1000), boots(1050, 900, 2000)).verdict, {
    ratio: { ofMedians: 1.05, min: 0.9, max: 2 },
    met: true,
  });
  t.end();
});

const cycle = (ms: number, cpuMs: number): CycleSamples['hot'][number] => ({
  times: { ms: 5 * ms, phases: { boot: ms, work: ms, suspend: ms, resume: ms, verify: 0, check: ms } },
  cpuMs,
});
const samples: CycleSamples = {
  wholeMs: {
    cold: [9000, 9000],
    fromCheckpoints: [5000, 7000],
    hot: [2000, 2000],
    hotAtSuspend: [1500, 1500],
    qemu: [6000, 6000],
    qemuFromSavedStates: [4000, 4000],
  },
  hot: [cycle(400, 1800), cycle(400, 1800)],
  hotAtSuspend: [cycle(300, 1500), cycle(300, 1500)],
  qemu: [cycle(1100, 4500), cycle(1300, 4500)],
  qemuWithoutBootsMs: [5000, 5000],
};

t.test('cycle: everything over QEMU; the verdict on hot cycles, each over the QEMU that does the same', (t) => {
  const result = cycleResult(samples);
  t.match(result.verdictWithWork, { aim: { atMost: 0.5 }, met: true });
  t.equal(result.verdictWithWork.ratio.ofMedians, 2000 / 6000);
  t.equal(result.qemuWithoutWorkMs.median, 4800, 'its five phases less one');
  t.match(result.verdict, { ratio: { ofMedians: 1500 / 4800 }, met: true });
  t.equal(result.overQemu.cold.ofMedians, 1.5);
  t.equal(result.overQemu.fromCheckpoints.ofMedians, 1);
  t.equal(result.hotOverQemuWithoutBoots.ofMedians, 0.4);
  t.equal(result.hotOverQemuFromSavedStates.ofMedians, 0.5);
  t.equal(result.phasesMs.qemu.work.median, 1200);
  t.match(result.cpuMs, { hot: { median: 1800 }, qemu: { median: 4500 }, ratio: { ofMedians: 0.4 } });
  t.equal(result.phasesMs.hotAtSuspend.check.median, 300);
  t.notOk(cycleResult({ ...samples, wholeMs: { ...samples.wholeMs, hot: [3001, 3001] } }).verdictWithWork.met);
  t.notOk(cycleResult({ ...samples, wholeMs: { ...samples.wholeMs, hotAtSuspend: [2401, 2401] } }).verdict.met);
  t.end();
});

t.test('memory: both equal and scattered captures must reach the aim', (t) => {
  const rate = (memcmp: number) => ({ memcmp: [memcmp], words: [1] });
  t.ok(
    memoryResult(2 ** 28, { none: rate(5), scattered: rate(5), everyPage: rate(1) }).met,
    'the worst case is shown, not judged',
  );
  t.notOk(memoryResult(2 ** 28, { none: rate(9), scattered: rate(4.9), everyPage: rate(9) }).met);
  t.notOk(memoryResult(2 ** 28, { none: rate(4.9), scattered: rate(9), everyPage: rate(9) }).met);
  t.end();
});

t.test('the text says on what, how often, and what the quotients mean', (t) => {
  const rate = { memcmp: [10, 12], words: [6, 6] };
  const result: BenchResult = {
    format: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    turns: 2,
    host: { processor: 'a processor', processors: 2, memoryBytes: 2 ** 34, loadBefore: 0.5, loadAfter: 1.25 },
    versions: { snapback: '0.1.0', qemu: '7.2.22' },
    artifacts: {},
    machine: { memoryMiB: 256, cmdline: 'console=ttyS0' },
    boot: bootResult(boots(1000, 1000), boots(1060, 1060)),
    cycle: cycleResult(samples),
    memory: memoryResult(2 ** 28, { none: rate, scattered: rate, everyPage: rate }),
  };
  const text = renderResult(result);
  t.match(text, /2 processors \(a processor\), 16 GiB; load 0\.5 before, 1\.3 after/);
  t.match(text, /qemu 7\.2\.22/);
  t.match(text, /2 samples in turns/);
  t.match(text, /ours over ordinary 1\.060, aim at most 1\.05: missed/);
  t.match(text, /hot from the state before the suspend over QEMU without the work 0\.313, aim at most 0\.5: met/);
  t.match(text, /hot over QEMU, the work done by both, 0\.333, aim at most 0\.5: met/);
  t.match(text, /ours does not boot in these rows, and QEMU does, twice/);
  t.match(text, /QEMU TCG, from saved states +4\.00 s/);
  t.match(text, /11\.0 GB\/s, aim at least 5: met/);
  t.notMatch(renderResult({ ...result, cycle: undefined as never }), /QEMU TCG/);
  t.end();
});
