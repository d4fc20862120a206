// SPDX-License-Identifier: MIT
/** The walks over the memory of a program: from markers to a line, and from that to what is said. */
import t from 'tap';
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { stepBegin, stepEnd, type KernelStep } from '../../../emulator/machine/markers.js';
import { leastOf, type WalkFigures } from '../../../tools/bench/walk/measure.js';
import { machineWalks, renderWalks, secondsAt } from '../../../tools/bench/walk/result.js';

/** A marker at a virtual time in ms, at a thousand instructions a ms. */
const at = (ms: number, which: 'begin' | 'end', step: KernelStep, word0 = 0): MarkerSeen => ({
  kind: which === 'begin' ? stepBegin(step) : stepEnd(step),
  word0,
  word1: 0,
  instruction: ms * 1000,
  virtualMs: ms,
});
/** A call that begins at `from`. The preparation has a step of the same kind within. */
const call = (from: number, slower: number): readonly MarkerSeen[] => [
  at(from, 'begin', 'shrink'),
  at(from + 20 + slower, 'end', 'shrink'),
  at(from + 30 + slower, 'begin', 'freezeTasks'),
  at(from + 40 + slower, 'begin', 'preserve'),
  at(from + 44 + 2 * slower, 'end', 'preserve', 1000 - slower),
  at(from + 60 + 2 * slower, 'end', 'thawTasks'),
];

t.test('the least of each call counts', async (t) => {
  t.same(leastOf([...call(0, 3), ...call(1000, 0)]), {
    isolate: { virtualMs: 20, instructions: 20_000 },
    preserve: { virtualMs: 4, instructions: 4000 },
    standstill: { virtualMs: 30, instructions: 30_000 },
    preservedPages: 1000,
  });
  t.throws(() => leastOf([]), RigError);
  t.throws(() => leastOf(call(0, 0).slice(0, -1)), RigError, 'a call without an end');
});

/** 100 ns, 50 ns, 60 ns and 200 ns for each page. */
const figures = (heldPages: number, more = 0): WalkFigures => {
  const span = (ms: number) => ({ virtualMs: ms, instructions: ms * 500_000 });
  return {
    heldPages,
    isolate: span(10 + heldPages / 1e4 + more),
    preserve: span(heldPages / 2e4),
    standstill: span(50 + (heldPages * 6) / 1e5),
    preservedPages: heldPages,
    forkMs: heldPages / 5000,
  };
};

t.test('figures on a line, and one beside it', async (t) => {
  const { lines, instructionsPerPage } = machineWalks(
    'v86',
    [10_000, 20_000, 40_000].map((pages) => figures(pages)),
  );
  t.match(lines.isolate, { nsPerPage: 100, ms: 10 });
  t.ok(lines.isolate.off < 1e-9);
  t.equal(Math.round(lines.fork.nsPerPage), 200);
  t.equal(Math.round(instructionsPerPage?.preserve ?? 0), 25);
  t.equal(secondsAt({ nsPerPage: 100, ms: 10, off: 0 }, 1).toFixed(4), '0.0362', '262144 pages, and 10 ms');
  const beside = machineWalks('qemu', [figures(10_000), figures(20_000, 5), figures(40_000)]);
  t.ok(beside.lines.isolate.off > 0.1);
  t.equal(beside.instructionsPerPage, undefined, 'QEMU does not count instructions');
});

t.test('what is said', async (t) => {
  const text = renderWalks({
    v86: machineWalks(
      'v86',
      [16_384, 131_072].map((pages) => figures(pages)),
    ),
  });
  t.match(text, /^ *64 MiB +11\.6 ms +0\.8 ms +51\.0 ms +3\.3 ms +16384$/m);
  t.match(text, /^ *for each page +100 ns +50 ns +60 ns +200 ns$/m);
  t.match(text, /^ *64 GiB, by arithmetic +1\.69 s +0\.84 s +1\.06 s +3\.36 s$/m);
  t.match(text, /isolate 50, preserve 25$/m);
  t.notMatch(text, /QEMU,/);
});
