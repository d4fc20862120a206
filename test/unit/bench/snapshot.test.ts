// SPDX-License-Identifier: MIT
/** sys_snapshot beside swsusp: from what was counted to what is said. */
import t from 'tap';
import { largest } from '../../../tools/bench/snapshot/bisect.js';
import { renderSnapshot, snapshotResult, type SnapshotSamples } from '../../../tools/bench/snapshot/result.js';
import { phaseOf, planOf, WORK } from '../../../tools/bench/workload.js';
import { DEFAULT_MACHINE } from '../../../emulator/cycle/plan.js';

t.test('the largest number that holds', async (t) => {
  for (const limit of [20, 21, 57, 94, 95]) {
    const asked: number[] = [];
    const found = await largest(20, 95, (value) => {
      asked.push(value);
      return Promise.resolve(value <= limit);
    });
    t.equal(found, limit);
    t.ok(asked.length <= 8 && asked.every((value) => value >= 20 && value <= 95), `asked ${asked.length} times`);
    t.ok(limit === 95 || asked.includes(limit + 1), 'the one beyond has been tried');
  }
  t.equal(await largest(20, 95, (value) => Promise.resolve(value < 20)), undefined);
});

const cycle = (ms: number): SnapshotSamples['hot'][number] => ({
  times: { ms, phases: { boot: 0, work: 0, suspend: 0, resume: 0, verify: 0, check: 0 } },
  cpuMs: ms,
});
const samples: SnapshotSamples = {
  figures: {
    swsusp: { frozen: { virtualMs: 2000, instructions: 800e6 }, imageBytes: 80e6, saveInstructions: 400e6 },
    sys_snapshot: { frozen: { virtualMs: 100, instructions: 44e6 }, imageBytes: 150e6, saveInstructions: 3000e6 },
  },
  capacity: [
    { memoryMiB: 256, of: { swsusp: { share: 39 }, sys_snapshot: { share: 75, beyond: 'no room' } } },
    { memoryMiB: 512, of: { swsusp: { share: 40, beyond: 'no memory' }, sys_snapshot: { share: 85 } } },
  ],
  rollback: {
    thawMs: 157,
    rollbackMs: 150,
    resumeMs: 1000,
    standstillMs: 140,
    snapshotStandstillMs: 50,
    heldPages: 655,
    memoryPages: 65_536,
  },
  commit: {
    device: { bytes: 16_000_000, commitMs: 800, copyMs: 400 },
    memory: { bytes: 16_000_000, commitMs: 500, copyMs: 400 },
  },
  hot: [cycle(700), cycle(700)],
  hotCompressed: [cycle(900), cycle(900)],
  qemu: [cycle(3000), cycle(3000)],
};

t.test('what is met and what is missed', (t) => {
  const result = snapshotResult(samples);
  t.match(result.frozen, { virtualMs: { value: 0.05, met: true }, instructions: { value: 0.055, met: false } });
  t.match(result.share, { value: 85, met: true });
  t.same(result.bytesPerInstruction, { swsusp: 0.2, sys_snapshot: 0.05 });
  t.notOk(result.cycle.met);
  t.ok(snapshotResult({ ...samples, hot: [cycle(600), cycle(600)] }).cycle.met);
  t.notOk(
    snapshotResult({
      ...samples,
      capacity: [
        { memoryMiB: 512, of: { swsusp: { share: 40 }, sys_snapshot: { share: undefined, beyond: 'all is lost' } } },
      ],
    }).share.met,
    'none is less than any',
  );
  t.match(result.rollbackOver, {
    resume: { value: 0.15, met: false },
    snapshotStandstill: { value: 2.8, met: true },
    memory: { met: true },
  });
  const text = renderSnapshot(result, 256);
  t.match(
    text,
    /150 ms after the ioctl for a rollback, 1000 ms after power-on for a resume: 0\.150 .*at most 0\.1: missed/,
  );
  t.match(text, /stands still 140 ms for a rollback, 50 ms for the snapshot: 2\.80, aim at most 3: met/);
  t.match(text, /a commit from a store on a device merges 20\.0 MB\/s, dd copies 40\.0 MB\/s: 0\.50 of its speed/);
  t.match(text, /a commit from a store in memory merges 32\.0 MB\/s, dd copies 40\.0 MB\/s: 0\.80 of its speed/);
  t.match(text, /655 of 65536 pages, 0\.010 .*at most 0\.015: met/);
  t.match(
    text,
    /virtual time 0\.050 \(1\/20\.0\), aim at most 0\.05: met; instructions 0\.055 \(1\/18\.2\), aim at most 0\.05: missed/,
  );
  t.match(text, /85 % of 512 MiB, aim at least 85: met/);
  t.match(text, /with 1 % more of 512 MiB, swsusp: no memory/);
  t.match(text, /aim at most 0\.2: missed/);
  t.match(text, /compressed by snapctl, as it does unless told: 0\.90 s/);
  t.end();
});

t.test('a cycle by sys_snapshot is verified; its phases are those of the stock cycle', (t) => {
  const steps = (method: 'swsusp' | 'sys_snapshot'): readonly string[] =>
    planOf(method, DEFAULT_MACHINE).steps.map((step) => step.do);
  t.same(steps('swsusp'), ['boot', 'run', 'suspend', 'resume', 'run']);
  t.same(steps('sys_snapshot'), ['boot', 'run', 'suspend', 'resume', 'verify', 'run']);
  t.same(planOf('swsusp', DEFAULT_MACHINE).machine, DEFAULT_MACHINE);
  t.match(planOf('sys_snapshot', DEFAULT_MACHINE).machine.cmdline, [/^rig\.image=/]);
  t.same(['boot', `run ${WORK}`, 'suspend (swsusp)', 'resume in a new machine', 'verify', 'run true'].map(phaseOf), [
    'boot',
    'work',
    'suspend',
    'resume',
    'verify',
    'check',
  ]);
  const saved = (compress: boolean): unknown =>
    planOf('sys_snapshot', DEFAULT_MACHINE, compress).steps.find((step) => step.do === 'suspend');
  t.match(saved(false), { compress: false });
  t.notMatch(saved(true), { compress: false });
  t.end();
});
