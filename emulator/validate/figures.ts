// SPDX-License-Identifier: MIT
/** Figures of a run that a patch may change for better or worse, without any loss. */
import type { KernelStep } from '../machine/markers.js';
import type { Report } from '../report/model.js';

/** By name. A run without suspends has none. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

/** Steps of the kernel with a figure each, for people. */
export const STEPS = {
  freezeFilesystems: 'freeze of filesystems',
  freezeTasks: 'freeze of tasks',
  shrink: 'making room',
  preserve: 'preserving pages',
  quiesce: 'quiescing devices',
  copy: 'atomic copy',
  devicesResume: 'resume of devices',
  substitute: 'substitution',
  thawTasks: 'thaw of tasks',
  thawFilesystems: 'thaw of filesystems',
  imageWrite: 'writing the image',
} as const satisfies Partial<Record<KernelStep, string>>;
export type StepName = keyof typeof STEPS;

export type FigureName =
  | 'standstillInstructions'
  | 'standstillMs'
  | 'saveInstructions'
  | 'resumeInstructions'
  | 'rollbackInstructions'
  | 'imagePages'
  | 'copiedPages'
  | 'preservedPages'
  | 'imageBytes'
  | 'runInstructions'
  | `${StepName}Instructions`;

/**
 * The figures of a report: the largest of its cycles each, of those that were measured. Preserved pages are the fewest.
 */
export function figuresOf({ frozen, image, perCycle, instructions }: Report): Figures {
  const figures: Partial<Record<FigureName, number>> = { runInstructions: instructions };
  const most = (name: FigureName, value: number | undefined): void => {
    if (value !== undefined && value > (figures[name] ?? 0)) figures[name] = value;
  };
  most('standstillInstructions', frozen.instructions);
  most('standstillMs', frozen.virtualMs);
  most('imageBytes', image.bytes);
  for (const { measures, image: pages } of perCycle) {
    most('imagePages', pages?.pagesCompared);
    most('copiedPages', measures?.copiedPages);
    most('saveInstructions', measures?.save?.instructions);
    most('resumeInstructions', measures?.resume?.instructions);
    most('rollbackInstructions', measures?.rollback?.instructions);
    for (const step of Object.keys(STEPS) as StepName[])
      most(`${step}Instructions`, measures?.steps[step]?.instructions);
  }
  const preserved = perCycle.flatMap(({ measures }) => measures?.preservedPages ?? []);
  if (preserved.length > 0) figures.preservedPages = Math.min(...preserved);
  return figures;
}
