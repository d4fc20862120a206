// SPDX-License-Identifier: MIT
/** The choice of the scenario. Another one is opened by loading the page again. */
import type { VNode } from 'preact';
import type { ScenarioListed } from '../storage/scenario-list.js';
import { Button } from './button.js';
import type { Entered } from './entered.js';

export interface ChoiceProps {
  readonly scenarios: readonly ScenarioListed[];
  /** Name of the scenario that is open; undefined: the page's own. */
  readonly opened: string | undefined;
  /** Name of the one that is picked in the list, if another one was: empty for the page's own. */
  readonly picked: string | undefined;
  readonly onPick: (name: string) => void;
  /** Takes a name as {@link picked}. */
  readonly onOpen: (name: string) => void;
}

/** From here on a browser may not have the memory for a run, which has several copies of that of its machine. */
const LARGE_MIB = 512;

/**
 * What is picked is not opened at once, because who goes through a list by keys picks each on the way.
 * Nothing is drawn where there is nothing to choose.
 */
export function Choice({ scenarios, opened = '', picked, onPick, onOpen }: ChoiceProps): VNode | null {
  if (scenarios.length === 0) return null;
  const name = picked ?? opened;
  const possible = scenarios.filter(({ unfit }) => unfit === undefined);
  const others = scenarios.filter(({ unfit }) => unfit !== undefined);
  const about = aboutText(scenarios.find((one) => one.name === name));
  return (
    <section id="choice" aria-label="choice of the scenario">
      <div class="actions">
        <label for="choose">Scenario</label>
        <select id="choose" value={name} onInput={(event) => onPick((event as Entered).currentTarget.value)}>
          <option value="">the page’s own</option>
          {possible.map((one) => (
            <option key={one.name} value={one.name}>
              {one.name}, {one.memoryMiB} MiB
            </option>
          ))}
          {others.length > 0 && (
            <optgroup label="not in a browser">
              {others.map((one) => (
                <option key={one.name} value={one.name} disabled>
                  {one.name}: {one.unfit}
                </option>
              ))}
            </optgroup>
          )}
        </select>
        <Button id="open" isPossible={name !== opened} onDo={() => onOpen(name)}>
          Open
        </Button>
      </div>
      <p id="about" class="dim" aria-live="polite">
        {about}
      </p>
    </section>
  );
}

function aboutText(one: ScenarioListed | undefined): string {
  if (!one) return '';
  const { about, memoryMiB } = one;
  const large = memoryMiB > LARGE_MIB ? [`Its ${memoryMiB} MiB of memory may be too much for this browser.`] : [];
  return [about, ...large].join(' ').trim();
}
