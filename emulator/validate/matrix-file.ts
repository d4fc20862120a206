// SPDX-License-Identifier: MIT
/**
 * A matrix as a YAML file: scenarios, each with all combinations of what the axes list.
 *
 *     seeds: [1, 2]               # for all scenarios; without it, the scenario's own
 *     memory: [256 MiB, 512 MiB]  # likewise
 *     method: [sys_snapshot, swsusp]
 *     freezeOrder: [tasks-first, filesystems-first]
 *     flavour: [release, debug]   # of the kernel; without it, that of the validation
 *     bounds: { imageBytes: 1, copyInstructions: 20 }   # per cent by which figures may change, instead of the usual ones
 *     scenarios:
 *       - rollback
 *       - mine/load.yaml          # relative to this file
 *       - { scenario: waits, seeds: [7], name: waiting }
 *       - { scenario: workload, filesystem: [ext4, xfs], workload: [files] }   # parameters of that scenario
 */
import {
  FREEZE_ORDERS,
  KERNEL_FLAVOURS,
  SUSPEND_METHODS,
  type FreezeOrder,
  type KernelFlavour,
  type SuspendMethod,
} from '../cycle/plan.js';
import { mebibytes } from '../scenario/schema.js';
import {
  integer,
  list,
  mapping,
  nearest,
  optional,
  readYaml,
  required,
  scalar,
  text,
  word,
  type Place,
  type Shape,
  type YamlIssue,
} from '../yaml/index.js';
import { isScenarioFile, type Cell } from './cell.js';
import { FIGURES, type Bounds } from './figure-change.js';

/** More cells than that are a mistake: on two processors, they would take days. */
export const CELLS_MAX = 10_000;

const value = text('a value of a parameter', /^[\w.-]+$/);
const axes = {
  seeds: optional(list(integer(0, 0xffff_ffff), 1)),
  memory: optional(
    list(
      scalar<number>(
        "RAM from '128 MiB' to '3 GiB'",
        (value) => (typeof value === 'string' ? mebibytes(value) : undefined),
        256,
      ),
      1,
    ),
  ),
  method: optional(list(word(...SUSPEND_METHODS), 1)),
  freezeOrder: optional(list(word(...FREEZE_ORDERS), 1)),
  flavour: optional(list(word(...KERNEL_FLAVOURS), 1)),
  filesystem: optional(list(value, 1)),
  workload: optional(list(value, 1)),
};
const FIGURE_NAMES = FIGURES.map(({ name }) => name);
/** Not an axis: of all cells, or of those of one scenario. */
const bounds = optional(
  mapping(
    Object.fromEntries(
      FIGURE_NAMES.map((name) => [
        name,
        optional(
          scalar<number>(
            'a number of per cent from 0 on',
            (value) => (typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : undefined),
            0,
          ),
        ),
      ]),
    ),
  ),
);
/** Those that are parameters of scenarios. */
const PARAMETER_AXES = ['filesystem', 'workload'] as const;

/** What the cells of a scenario have instead of the scenario's own, one after the other. */
interface Axes {
  readonly seeds: readonly number[] | undefined;
  readonly memory: readonly number[] | undefined;
  readonly method: readonly SuspendMethod[] | undefined;
  readonly freezeOrder: readonly FreezeOrder[] | undefined;
  readonly flavour: readonly KernelFlavour[] | undefined;
  readonly filesystem: readonly string[] | undefined;
  readonly workload: readonly string[] | undefined;
}
interface Entry extends Partial<Axes> {
  readonly scenario: string;
  /** With which the names of its cells begin, instead of that of the scenario. */
  readonly name?: string | undefined;
  readonly bounds?: Given;
}
/** Bounds of figures, of which only some are named. */
type Given = Readonly<Record<string, number | undefined>> | undefined;

/** A scenario that is there, or a file. */
function scenarioAmong(known: readonly string[]): Shape<string> {
  const named = text('the name of a scenario that Snapback brings along, or the path of a file');
  return {
    wants: named.wants,
    read: (value, at) => {
      const name = named.read(value, at);
      if (typeof value !== 'string' || isScenarioFile({ scenario: name }) || known.includes(name)) return name;
      const like = nearest(name, known);
      at.report(
        'badValue',
        `there is no scenario '${name}'; ${like === undefined ? 'a file is named by its path, like ./mine.yaml' : `did you mean '${like}'?`}`,
      );
      return name;
    },
  };
}

function entry(known: readonly string[]): Shape<Entry> {
  const whole = mapping({
    scenario: required(scenarioAmong(known)),
    name: optional(text('a name', /\S/)),
    bounds,
    ...axes,
  });
  return {
    wants: 'scenarios',
    read: (value: unknown, at: Place) => (typeof value === 'string' ? oneWord(value, at) : whole.read(value, at)),
  };
  function oneWord(value: string, at: Place): Entry {
    return { scenario: scenarioAmong(known).read(value, at) };
  }
}

/**
 * The cells of the matrix in `source`, in its order, or everything that is wrong with it. `known`: the scenarios that
 * Snapback brings along. The paths of others are as the file has them.
 */
export function readMatrix(
  source: string,
  file: string,
  known: readonly string[],
): { readonly cells: readonly Cell[] } | { readonly issues: readonly YamlIssue[] } {
  const read = readYaml(source, file, mapping({ scenarios: required(list(entry(known), 1)), bounds, ...axes }));
  if ('issues' in read) return read;
  const { scenarios, bounds: boundsOfAll, ...ofAll } = read.value;
  const entries = scenarios.map(({ scenario, name, bounds: own, ...axes }) => ({
    scenario,
    name,
    bounds: { ...named(boundsOfAll), ...named(own) },
    ...withOwn(ofAll, axes),
  }));
  const count = entries.reduce((sum, one) => sum + countOf(one), 0);
  if (count > CELLS_MAX)
    return {
      issues: [
        read.source.issue('badValue', ['scenarios'], `these are ${count} cells, and at most ${CELLS_MAX} are allowed`),
      ],
    };
  const cells: Cell[] = [];
  const issues: YamlIssue[] = [];
  const names = new Set<string>();
  for (const [index, one] of entries.entries()) {
    for (const cell of cellsOf(one)) {
      if (names.has(cell.name))
        issues.push(read.source.issue('badValue', ['scenarios', index], `the cell '${cell.name}' is there already`));
      names.add(cell.name);
      cells.push(cell);
    }
  }
  return issues.length > 0 ? { issues } : { cells };
}

const named = (given: Given): Bounds =>
  Object.fromEntries(Object.entries(given ?? {}).filter(([, percent]) => percent !== undefined));

const AXES = Object.keys(axes) as readonly (keyof Axes)[];

const withOwn = (ofAll: Axes, own: Partial<Axes>): Axes => ({
  ...ofAll,
  ...Object.fromEntries(AXES.flatMap((axis) => (own[axis] === undefined ? [] : [[axis, own[axis]]]))),
});

/** An upper bound of the number of cells. */
const countOf = (one: Axes): number => AXES.reduce((product, axis) => product * (one[axis]?.length ?? 1), 1);

/** All combinations. A cell is named by its scenario, or as the matrix says, and by what the matrix chose. */
function cellsOf({ scenario, name, bounds, ...one }: Axes & Entry): readonly Cell[] {
  const own = named(bounds);
  let cells: readonly Cell[] = [
    {
      name: name ?? scenario.replace(/^\.\/|\.yaml$/g, ''),
      scenario,
      ...(Object.keys(own).length > 0 && { bounds: own }),
    },
  ];
  const along = <T>(
    values: readonly T[] | undefined,
    wordsOf: (value: T) => string,
    chosen: (value: T, cell: Cell) => Partial<Cell>,
    concerns: (cell: Cell) => boolean = () => true,
  ): void => {
    if (values === undefined) return;
    cells = cells.flatMap((cell) =>
      concerns(cell)
        ? values.map((value) => ({ ...cell, name: `${cell.name}, ${wordsOf(value)}`, ...chosen(value, cell) }))
        : [cell],
    );
  };
  for (const axis of PARAMETER_AXES)
    along(
      one[axis],
      (value) => value,
      (value, { parameters }) => ({ parameters: { ...parameters, [axis]: value } }),
    );
  along(
    one.method,
    (method) => method,
    (method) => ({ method }),
  );
  along(
    one.memory,
    (memoryMiB) => `${memoryMiB} MiB`,
    (memoryMiB) => ({ memoryMiB }),
  );
  along(
    one.freezeOrder,
    (order) => order.replace('-', ' '),
    (order) => ({ freezeOrder: order }),
    // swsusp has only one order.
    ({ method }) => method !== 'swsusp',
  );
  along(
    one.flavour,
    (flavour) => flavour,
    (flavour) => ({ flavour }),
  );
  along(
    one.seeds,
    (seed) => `seed ${seed}`,
    (seed) => ({ seed }),
  );
  return cells;
}
