// SPDX-License-Identifier: MIT
/** How the walks over the memory of a program grow with it, as data and as text. */
import { PAGE_BYTES } from '../../../emulator/machine/units.js';
import { indent, renderTable } from '../table.js';
import { WALK_MACHINES, type WalkFigures, type WalkMachine } from './measure.js';

export const WALKS = ['isolate', 'preserve', 'standstill', 'fork'] as const;
export type Walk = (typeof WALKS)[number];

/** Sizes of a program, by arithmetic, in GiB. */
const SIZES_GIB = [1, 4, 16, 64] as const;

/** A straight line through the figures of a walk: what it takes for each page of the program, and without any. */
export interface Line {
  readonly nsPerPage: number;
  readonly ms: number;
  /** The farthest that a figure is from the line, as a part of the largest figure. */
  readonly off: number;
}

export interface MachineWalks {
  readonly figures: readonly WalkFigures[];
  readonly lines: Readonly<Record<Walk, Line>>;
  /** Instructions for each page, where these are counted. */
  readonly instructionsPerPage?: Readonly<Record<'isolate' | 'preserve', number>>;
}

export type WalkResult = Readonly<Partial<Record<WalkMachine, MachineWalks>>>;

const msOf = (figures: WalkFigures, walk: Walk): number => (walk === 'fork' ? figures.forkMs : figures[walk].virtualMs);

export function machineWalks(machine: WalkMachine, figures: readonly WalkFigures[]): MachineWalks {
  const lineOf = (value: (of: WalkFigures) => number): Line =>
    line(figures.map((of) => ({ pages: of.heldPages, ms: value(of) })));
  const instructions = (walk: 'isolate' | 'preserve'): number => lineOf((of) => of[walk].instructions / 1e6).nsPerPage;
  return {
    figures,
    lines: Object.fromEntries(WALKS.map((walk) => [walk, lineOf((of) => msOf(of, walk))])) as Record<Walk, Line>,
    ...(machine === 'v86' && {
      instructionsPerPage: { isolate: instructions('isolate'), preserve: instructions('preserve') },
    }),
  };
}

/** Least squares. */
function line(points: readonly { readonly pages: number; readonly ms: number }[]): Line {
  const mean = (of: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [pages, ms] = [mean((point) => point.pages), mean((point) => point.ms)];
  const slope = mean((point) => (point.pages - pages) * (point.ms - ms)) / mean((point) => (point.pages - pages) ** 2);
  const offset = ms - slope * pages;
  const farthest = Math.max(...points.map((point) => Math.abs(offset + slope * point.pages - point.ms)));
  return { nsPerPage: slope * 1e6, ms: offset, off: farthest / Math.max(...points.map((point) => point.ms)) };
}

/** By the line, in seconds. */
export const secondsAt = ({ nsPerPage, ms }: Line, gib: number): number =>
  (nsPerPage * ((gib * 2 ** 30) / PAGE_BYTES)) / 1e9 + ms / 1e3;

export function renderWalks(result: WalkResult): string {
  const parts = (Object.keys(WALK_MACHINES) as WalkMachine[]).flatMap((machine) => {
    const walks = result[machine];
    return walks === undefined ? [] : [renderMachine(machine, walks)];
  });
  return [
    'Walks: what snapshot(2) does to each page of a program, with small pages only',
    ...parts.map(indent),
    indent(
      [
        'isolate: all of the preparation, in which the address space of the program is locked for readers, so that it cannot map or',
        'unmap; everybody runs. preserve: everything stands still. standstill: all of that, from the freeze of the tasks to their thaw.',
        'fork: of the same program, in which its address space is locked for writers. A large page counts like a small one, so a',
        'program with large pages takes 1/512 of it (1/1024 on 32 bits without PAE).',
      ].join('\n'),
    ),
  ].join('\n');
}

function renderMachine(machine: WalkMachine, { figures, lines, instructionsPerPage }: MachineWalks): string {
  const { arch, memoryMiB } = WALK_MACHINES[machine];
  const rows = [
    ...figures.map((of) => [
      `${(of.heldPages * PAGE_BYTES) / 2 ** 20} MiB`,
      ...WALKS.map((walk) => `${msOf(of, walk).toFixed(1)} ms`),
      `${of.preservedPages}`,
    ]),
    ['for each page', ...WALKS.map((walk) => `${lines[walk].nsPerPage.toFixed(0)} ns`)],
    ...SIZES_GIB.map((gib) => [
      `${gib} GiB, by arithmetic`,
      ...WALKS.map((walk) => `${secondsAt(lines[walk], gib).toFixed(2)} s`),
    ]),
  ];
  return [
    machine === 'v86'
      ? `${arch} in v86, ${memoryMiB} MiB: virtual time, the same on every host`
      : `${arch} in QEMU, ${memoryMiB} MiB: time of the host, the least of several; QEMU translates the code, so a processor is faster`,
    renderTable(['program', ...WALKS, 'pages preserved'], rows),
    `farthest from a straight line: ${WALKS.map((walk) => `${walk} ${(lines[walk].off * 100).toFixed(1)} %`).join(', ')}`,
    ...(instructionsPerPage
      ? [
          `instructions for each page: isolate ${instructionsPerPage.isolate.toFixed(0)}, preserve ${instructionsPerPage.preserve.toFixed(0)}`,
        ]
      : []),
  ].join('\n');
}
