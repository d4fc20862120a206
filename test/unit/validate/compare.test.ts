// SPDX-License-Identifier: MIT
import t from 'tap';
import type { CycleOutcome } from '../../../emulator/cycle/outcome.js';
import type { Span } from '../../../emulator/cycle/frozen.js';
import type { Measures } from '../../../emulator/cycle/measures.js';
import { countChanges } from '../../../emulator/validate/compare.js';
import { compareFigures, FIGURES } from '../../../emulator/validate/figure-change.js';
import { figuresOf, type Figures } from '../../../emulator/validate/figures.js';
import { verdictOn } from '../../../emulator/validate/validation.js';
import { reportWith, timeline } from '../report/reports.js';
import { compared, LOST, result, WARNED } from './validations.js';

t.test('a cell is unchanged, fixed, broken, or broken before', (t) => {
  const change = (base: readonly (typeof LOST)[], patched: readonly (typeof LOST)[]): string =>
    compared('c', result(base), result(patched)).change;
  t.equal(change([], []), 'unchanged');
  t.equal(change([LOST], []), 'fixed');
  t.equal(change([], [LOST]), 'broken');
  t.equal(change([LOST], [LOST]), 'broken before');
  t.equal(change([LOST, WARNED], [LOST]), 'broken before');
  t.equal(change([LOST], [LOST, WARNED]), 'broken', 'another kind of loss is new');
  const bounds = { preservedPages: 1, imageBytes: 6 };
  t.same(
    compareFigures({ preservedPages: 142, imageBytes: 1000 }, { preservedPages: 144, imageBytes: 1051 }, bounds).map(
      ({ name, is }) => [name, is],
    ),
    [
      ['preservedPages', 'better'],
      ['imageBytes', 'same'],
    ],
    'by bounds of the cell, of which small numbers are not exempt',
  );
  t.same(compared('c', result([LOST]), result([LOST, WARNED])).newFindings, [WARNED]);
  t.end();
});

t.test('the verdict is that of the worst cell', (t) => {
  t.equal(verdictOn([{ change: 'unchanged' }, { change: 'fixed' }, { change: 'broken before' }], []), 'not broken');
  t.equal(verdictOn([{ change: 'unchanged' }, { change: 'broken' }], ['another']), 'broken');
  t.equal(verdictOn([{ change: 'unchanged' }], ['another']), 'unfinished');
  t.same(countChanges([{ change: 'broken' }, { change: 'broken' }, { change: 'fixed' }]), {
    broken: 2,
    fixed: 1,
    unchanged: 0,
    'broken before': 0,
  });
  t.end();
});

t.test('figures: a change within its bound is none', (t) => {
  const base = { standstillInstructions: 1000, imageBytes: 1000, runInstructions: 1_000_000_000 };
  t.same(
    compareFigures(base, { standstillInstructions: 1020, imageBytes: 1051, runInstructions: 900_000_000 }).map(
      ({ name, is, percent }) => [name, is, percent.toFixed(1)],
    ),
    [
      ['standstillInstructions', 'same', '2.0'],
      ['imageBytes', 'worse', '5.1'],
      ['runInstructions', 'better', '-10.0'],
    ],
  );
  t.same(compareFigures({ imageBytes: 0 }, { imageBytes: 5 }), [], 'nothing to compare with');
  t.same(compareFigures({ imageBytes: 5 }, {}), []);
  const is = (before: Figures, after: Figures): readonly string[] => compareFigures(before, after).map((one) => one.is);
  t.same(is({ preservedPages: 1000 }, { preservedPages: 900 }), ['worse'], 'pages that are preserved need no copy');
  t.same(is({ preservedPages: 1000 }, { preservedPages: 1100 }), ['better']);
  t.same(is({ preservedPages: 142 }, { preservedPages: 144 }), ['same']);
  t.same(is({ copyInstructions: 1000 }, { copyInstructions: 100_000 }), ['same'], 'a short step may double');
  t.same(is({ runInstructions: 163_067_921 }, { runInstructions: 157_525_161 }), ['same'], 'as from seed to seed');
  t.same(is({ copyInstructions: 1_000_000 }, { copyInstructions: 1_300_000 }), ['worse']);
  t.same(compared('c', result([], base), result([LOST], base)).figures, [], 'a run that failed has other figures');
  t.end();
});

t.test('figures of a report', (t) => {
  t.same(figuresOf(reportWith([])), {
    standstillInstructions: 700_000_000,
    standstillMs: 1500,
    copyInstructions: 9_000_000,
    saveInstructions: 500_000_000,
    resumeInstructions: 200_000_000,
    copiedPages: 2900,
    preservedPages: 40,
    imagePages: 3000,
    imageBytes: 12_345_678,
    runInstructions: 1_600_000_000,
  });
  t.same(figuresOf(reportWith([], { main: timeline({ cycles: [] }) })), { runInstructions: 1_600_000_000 });
  const span = (instructions: number): Span => ({ instructions, virtualMs: 1 });
  const cycle = (measures: Measures): CycleOutcome => ({
    ...{ method: 'sys_snapshot', offMs: 0, frozen: undefined, memory: undefined, image: undefined, disk: undefined },
    measures,
  });
  const cycles = [
    cycle({ steps: { copy: span(5), commit: span(9) }, rollback: span(60), preservedPages: 30 }),
    cycle({ steps: { copy: span(7) }, save: span(40), resume: span(50), preservedPages: 20 }),
  ];
  t.match(
    figuresOf(reportWith([], { main: timeline({ cycles }) })),
    {
      copyInstructions: 7,
      rollbackInstructions: 60,
      saveInstructions: 40,
      resumeInstructions: 50,
      preservedPages: 20,
    },
    'of several cycles, the worst',
  );
  t.equal(new Set(FIGURES.map(({ name }) => name)).size, FIGURES.length);
  t.end();
});
