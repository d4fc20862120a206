// SPDX-License-Identifier: MIT
/** Selftests of the series on kernels that make mistakes, and in QEMU, native and as 32-bit programs. */
import { join } from 'node:path';
import t from 'tap';
import { runText } from '../e2e/cycle-support.js';
import { compileSelftests, nameOf, NO_SCSI, openSeries, PROGRAMS, runOf, selftestsPass } from '../e2e/series.js';

const tree = join(t.testdir({}), 'linux');
await openSeries(tree);
const ownKernel = process.env['SNAPBACK_TEST_KERNEL'] !== undefined;

/** A mistake of the kernel, the selftest that must notice it, and what it must say. */
const NOTICED = [
  ['leave-unguarded', 'guards', 'not ok 2 guards.a_partition_made_in_the_live_timeline'],
  ['keep-store', 'rollback', 'not ok 1 rollback.what_the_live_timeline_did_is_gone'],
  ['leave-writable', 'preserved', 'not ok 1 memory.written.is_as_at_the_snapshot'],
] as const;

t.test('they fail on a kernel that makes mistakes', async (t) => {
  const dir = t.testdir({});
  const selftests = NOTICED.map(([, program]) => {
    // A mistake strikes the page in the middle of those of all programs. With 16 MiB, that is one of the test's.
    const more = program === 'preserved' ? { pages: 4096 } : {};
    return { program, compiler: 'i686-linux-gnu-gcc', ...more } as const;
  });
  await compileSelftests(tree, dir, selftests);
  const steps = selftests.map((selftest, index) => {
    const [mistake] = NOTICED[index] ?? [];
    const before = `echo ${mistake} > /sys/module/rig/parameters/break; `;
    return `  - boot\n${runOf(nameOf(selftest), before, 1)}  - cutPower\n`;
  });
  const { outcome } = await runText(
    dir,
    `name: selftests of a broken kernel
machine: { seed: 1 }
control: false
files:
${selftests.map((selftest) => `  - { from: ${nameOf(selftest)}, to: /root/${nameOf(selftest)}, mode: '0755' }\n`).join('')}steps:
${steps.join('')}`,
  );
  t.equal(outcome.main.commands.length, NOTICED.length);
  for (const [index, [mistake, , said]] of NOTICED.entries())
    t.ok(outcome.main.commands[index]?.stdout.split('\n').includes(said), `${mistake}: ${said}`);
});

// A kernel of one's own is one for i386.
t.test('on x86_64 with two processors and NVMe disks, native and 32-bit ones pass', { skip: ownKernel }, async (t) => {
  const compilers = ['x86_64-linux-gnu-gcc', 'i686-linux-gnu-gcc'] as const;
  const selftests = PROGRAMS.flatMap((program) => compilers.map((compiler) => ({ program, compiler })));
  await selftestsPass(
    t,
    tree,
    '{ engine: qemu, arch: x86_64, processors: 2, memory: 640 MiB, diskBus: nvme }',
    selftests,
    NO_SCSI,
  );
});
