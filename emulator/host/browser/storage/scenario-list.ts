// SPDX-License-Identifier: MIT
/** The list of the scenarios that a visitor of the page can choose, and where their descriptions are. */

/** A scenario that comes with Snapback. */
export interface ScenarioListed {
  /** Of its file, without folder and ending. */
  readonly name: string;
  /** What its file says about it. */
  readonly about: string;
  readonly memoryMiB: number;
  /** Why the page cannot run it, if so: `needs a machine ...`. */
  readonly unfit?: string;
}

/** Path of the list, a JSON array of {@link ScenarioListed}, from the page's folder. */
export const LIST_PATH = 'machine/scenarios.json';

/** Path of the description of the machine (see `description.ts`) for a scenario of the list; undefined: the page's own. */
export const descriptionPath = (name: string | undefined): string =>
  name === undefined ? 'machine/machine.json' : `machine/scenario-${name}.json`;

/** The list in what was loaded. Of another version's list nothing is offered. */
export const readList = (found: unknown): readonly ScenarioListed[] =>
  Array.isArray(found) && found.every(isListed) ? found : [];

function isListed(value: unknown): value is ScenarioListed {
  const { name, about, memoryMiB, unfit } = (value ?? {}) as Partial<Record<keyof ScenarioListed, unknown>>;
  return (
    typeof name === 'string' &&
    typeof about === 'string' &&
    typeof memoryMiB === 'number' &&
    (unfit === undefined || typeof unfit === 'string')
  );
}
