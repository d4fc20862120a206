// SPDX-License-Identifier: MIT
/** Scenarios that are not the page's own: changed on the page, or of a link. They run on the machine that the page has. */
import type { Plan } from '../../../cycle/plan.js';
import { InputError } from '../../../machine/errors.js';
import { readSession, readUnproven, SESSION_NAME, type SessionFile } from '../../../scenario/session-file.js';
import { readScenario, type Scenario } from '../../../scenario/schema.js';
import { renderIssues } from '../../../yaml/index.js';
import { checkFits, dependsOn } from '../storage/description.js';
import { sha256Hex } from '../storage/digest.js';
import type { LoadedMachine, LoadedScenario } from '../storage/machine-files.js';

/** What a scenario says that the page cannot change, because its machine has been made. */
const FIXED = ['machine', 'disks', 'files'] as const satisfies readonly (keyof Scenario)[];

/**
 * What makes the plan of `text` from that of the page's own scenario.
 * @param own text of the page's own scenario.
 * @throws InputError when `text` is not valid, naming each place, or when it needs another machine.
 */
export function changeOf(text: string, own: string): (plan: Plan) => Plan {
  const [asked, before] = [scenarioOf(text), scenarioOf(own)];
  for (const part of FIXED)
    if (JSON.stringify(asked[part]) !== JSON.stringify(before[part]))
      throw new InputError(`\`${part}\` was changed, but the page has the machine that its own scenario describes`, {
        remedy: `put \`${part}\` back, or save the scenario as a file and serve that: \`snapback serve FILE\``,
      });
  const { name, steps, console, control } = asked;
  return ({ console: _, ...plan }) => ({ ...plan, name, steps, ...(console && { console }), control });
}

/** @throws InputError when `text` is not valid, naming each place. */
export function scenarioOf(text: string): Scenario {
  const read = readScenario(text, 'scenario');
  if ('scenario' in read) return read.scenario;
  throw new InputError(`the scenario is not valid\n${renderIssues(read.issues)}`, {
    remedy: 'correct the places above',
  });
}

/** What was loaded, with the plan of `text` and with what a report has to say of it. */
export async function changed(
  { plan, facts, ...loaded }: LoadedScenario,
  change: (plan: Plan) => Plan,
  text: string,
): Promise<LoadedScenario> {
  const now = change(plan);
  const sha256 = await sha256Hex([new TextEncoder().encode(text)]);
  return {
    ...loaded,
    plan: now,
    facts: {
      ...facts,
      scenario: { name: now.name, file: null, sha256 },
      replay: `npx snapback replay ${SESSION_NAME}`,
      options: { ...facts.options, control: now.control },
    },
  };
}

/** The session of a link. @throws InputError when it is none, or of another machine. */
export function sessionFor(text: string, { description }: Pick<LoadedMachine, 'description'>): SessionFile {
  const read = readSession(text);
  if ('problem' in read)
    throw new InputError(`the link has no session: ${read.problem}`, {
      remedy: 'open all of the link, or the page without it',
    });
  checkIsOf(description, read.session);
  return read.session;
}

/** The session that a tab has kept of its machine. Undefined when it is damaged, or of another machine or core. */
export function keptFor(text: string, { description }: Pick<LoadedMachine, 'description'>): SessionFile | undefined {
  const read = readUnproven(text);
  if ('problem' in read || read.session.until === undefined) return undefined;
  try {
    checkIsOf(description, read.session);
    return read.session;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** @throws InputError when the session is of another machine. */
function checkIsOf(description: LoadedMachine['description'], { artifacts, core }: SessionFile): void {
  // A session of format 1 does not name the core.
  const known = core === undefined ? undefined : description.core;
  checkFits('the session of the link', dependsOn(artifacts, core), dependsOn(description.artifacts, known));
}
