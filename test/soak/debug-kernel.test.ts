// SPDX-License-Identifier: MIT
/**
 * A snapshot on the kernel that checks itself: locks, lists, freed pages, sleeping where none may. The soak runs all scenarios on it, the
 * stock cycle among them.
 */
import t, { type Test } from 'tap';
import type { Report } from '../../tools/library.js';
import { runText } from '../e2e/cycle-support.js';

/**
 * Checks of memory and what holds it, which rest while the live timeline saves: this kernel is slow, and the busy ones
 * would have that take a minute. None asks how long the machine was off.
 */
const RESTING =
  'anon-forked anon-memory anon-shared eventfd mapped-file-private mapped-file-shared memfd memory-locked memory-map pipe-full sysv-shm tree-in-ram unix-descriptors unlinked-files';

// What finds fault with a lock switches lock checking off: it must still be on at the end. The control run is the release kernel's.
const LOCKS_ARE_CHECKED = `run: "grep -q '^ debug_locks: *1' /proc/lockdep_stats"`;
/**
 * Of two zones the second begins within a word of swsusp's bitmaps: their first bit stands for the first page of the first zone, as
 * long as no hole lies between the two.
 */
const ZONES_MEET_IN_A_WORD = `run: { command: "awk '$1 == \\"start_pfn:\\" { print $2 }' /proc/zoneinfo", stdout: '^1\\n4096\\n' }`;
/** The kernel's own tests of the bitmaps, made at boot. */
const BITMAPS_HOLD = `run: "dmesg | grep -q ' ok 1 hibernation_bitmaps$'"`;
const scenario = (suspend: string, start: string, verify: string): string => `name: debug kernel
machine: { kernel: debug }
control: false
steps:
  - boot
  - ${LOCKS_ARE_CHECKED}
  - ${ZONES_MEET_IN_A_WORD}
  - ${BITMAPS_HOLD}
  - ${start}
  - suspend: ${suspend}
  - resume
  - verify
  - ${verify}
  - ${LOCKS_ARE_CHECKED}
  - shutdown
`;

async function passes(t: Test, text: string): Promise<Report> {
  const { report } = await runText(t.testdir({}), text);
  t.same(report.failures, []);
  t.match(report, {
    kernel: { flavour: 'debug' },
    cycles: 1,
    memory: { pagesDiffering: 0 },
    image: { pagesDiffering: 0 },
    disk: { sectorsDiffering: 0 },
  });
  t.ok(
    report.memory.pagesCompared > 1000,
    `${report.memory.pagesCompared} pages, ${report.instructions} instructions, ${report.realMs} ms`,
  );
  return report;
}

t.test('a snapshot, after which the system lives on', async (t) => {
  await passes(
    t,
    scenario(
      '{ method: sys_snapshot, compress: false, whileSaving: [echo live > /run/live] }',
      `run: selfcheck start ${RESTING}`,
      "run: '[ ! -e /run/live ] && selfcheck verify'",
    ),
  );
});
