// SPDX-License-Identifier: MIT
/**
 * A matrix as a YAML file: scenarios, each with all combinations of seeds, sizes of memory, and orders of freezing.
 *
 *     seeds: [1, 2]               # for all scenarios; without it, the scenario's own
 *     memory: [256 MiB, 512 MiB]  # likewise
 *     freezeOrder: [tasks-first, filesystems-first]  # likewise
 *     scenarios:
 *       - rollback
 *       - mine/load.yaml          # relative to this file
 *       - { scenario: waits, seeds: [7] }
 */
import { FREEZE_ORDERS, type FreezeOrder } from '../cycle/plan.js';
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

/** More cells than that are a mistake: on two processors, they would take days. */
export const CELLS_MAX = 10_000;

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
  freezeOrder: optional(list(word(...FREEZE_ORDERS), 1)),
};

/** What the cells of a scenario have instead of the scenario's own, one after the other. */
interface Axes {
  readonly seeds: readonly number[] | undefined;
  readonly memory: readonly number[] | undefined;
  readonly freezeOrder: readonly FreezeOrder[] | undefined;
}
interface Entry extends Partial<Axes> {
  readonly scenario: string;
}

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
  const whole = mapping({ scenario: required(scenarioAmong(known)), ...axes });
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
  const read = readYaml(source, file, mapping({ scenarios: required(list(entry(known), 1)), ...axes }));
  if ('issues' in read) return read;
  const { scenarios, ...ofAll } = read.value;
  const entries = scenarios.map(({ scenario, ...own }) => ({ scenario, ...withOwn(ofAll, own) }));
  const lengthOf = (axis: readonly unknown[] | undefined): number => axis?.length ?? 1;
  const count = entries.reduce(
    (sum, one) => sum + lengthOf(one.seeds) * lengthOf(one.memory) * lengthOf(one.freezeOrder),
    0,
  );
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

const withOwn = (ofAll: Axes, own: Partial<Axes>): Axes => ({
  seeds: own.seeds ?? ofAll.seeds,
  memory: own.memory ?? ofAll.memory,
  freezeOrder: own.freezeOrder ?? ofAll.freezeOrder,
});

/** All combinations. A cell is named by its scenario and by what the matrix chose. */
function cellsOf({ scenario, seeds, memory, freezeOrder }: Axes & { readonly scenario: string }): readonly Cell[] {
  const name = scenario.replace(/^\.\/|\.yaml$/g, '');
  let cells: readonly Cell[] = [{ name, scenario }];
  const along = <T>(
    values: readonly T[] | undefined,
    wordsOf: (value: T) => string,
    chosen: (value: T) => Partial<Cell>,
  ): void => {
    if (values === undefined) return;
    cells = cells.flatMap((cell) =>
      values.map((value) => ({ ...cell, name: `${cell.name}, ${wordsOf(value)}`, ...chosen(value) })),
    );
  };
  along(
    memory,
    (memoryMiB) => `${memoryMiB} MiB`,
    (memoryMiB) => ({ memoryMiB }),
  );
  along(
    freezeOrder,
    (order) => order.replace('-', ' '),
    (order) => ({ freezeOrder: order }),
  );
  along(
    seeds,
    (seed) => `seed ${seed}`,
    (seed) => ({ seed }),
  );
  return cells;
}
