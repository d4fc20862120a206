// SPDX-License-Identifier: MIT
/** Compares the figures of two runs. */
import { STEPS, type FigureName, type Figures, type StepName } from './figures.js';

interface Figure {
  readonly name: FigureName;
  /** For people. */
  readonly title: string;
  /** A change of so many per cent or less is not reported. */
  readonly boundPercent: number;
  /** Neither is one of so many or fewer. */
  readonly bound?: number;
  /** More is better: every other figure should be small. */
  readonly moreIsBetter?: true;
}

/**
 * The bounds leave out what moves when code moves: where pages lie, when a timer fires, what is reclaimed to make room. Patches
 * of one line elsewhere made a rollback 2 % shorter, images of stock hibernation 3 % smaller, and making room 23 % longer. The same
 * patch made a run 5.5 million instructions shorter with one seed, and longer with another.
 */
export const FIGURES: readonly Figure[] = [
  { name: 'standstillInstructions', title: 'standstill, instructions', boundPercent: 2 },
  { name: 'standstillMs', title: 'standstill, ms of guest time', boundPercent: 5 },
  ...(Object.entries(STEPS) as readonly (readonly [StepName, string])[]).map(([step, title]) => ({
    name: `${step}Instructions` as const,
    title: `${title}, instructions`,
    boundPercent: step === 'shrink' ? 50 : 10,
    bound: 200_000,
  })),
  { name: 'saveInstructions', title: 'from the copy to power-off, instructions', boundPercent: 5 },
  { name: 'resumeInstructions', title: 'resume, instructions', boundPercent: 5 },
  { name: 'rollbackInstructions', title: 'rollback, instructions', boundPercent: 5 },
  { name: 'imagePages', title: 'pages in the image', boundPercent: 5 },
  { name: 'copiedPages', title: 'copied pages', boundPercent: 5, bound: 16 },
  { name: 'preservedPages', title: 'preserved pages', boundPercent: 5, bound: 16, moreIsBetter: true },
  { name: 'imageBytes', title: 'bytes of the image', boundPercent: 5 },
  { name: 'runInstructions', title: 'all instructions', boundPercent: 2, bound: 8_000_000 },
];

export interface FigureChange {
  readonly name: FigureName;
  readonly title: string;
  readonly base: number;
  readonly patched: number;
  /** Above zero: it has become more. */
  readonly percent: number;
  readonly is: 'same' | 'better' | 'worse';
}

/** Bounds in per cent, instead of the usual ones. */
export type Bounds = Readonly<Partial<Record<FigureName, number>>>;

/** Each figure that both runs have. `same`: the change is within the figure's bound, which is that of `bounds` if it is there. */
export function compareFigures(base: Figures, patched: Figures, bounds: Bounds = {}): readonly FigureChange[] {
  return FIGURES.flatMap(({ name, title, boundPercent, bound = 0, moreIsBetter = false }) => {
    const [before, after] = [base[name], patched[name]];
    if (before === undefined || after === undefined || before === 0) return [];
    const percent = ((after - before) / before) * 100;
    const own = bounds[name];
    const isSame =
      own === undefined
        ? Math.abs(percent) <= boundPercent || Math.abs(after - before) <= bound
        : Math.abs(percent) <= own;
    const is = isSame ? 'same' : percent > 0 === moreIsBetter ? 'better' : 'worse';
    return [{ name, title, base: before, patched: after, percent, is }];
  });
}
