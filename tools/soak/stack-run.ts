// SPDX-License-Identifier: MIT
/** Runs stacks on one machine: the snapshot of each must pass, or be refused as the stack allows. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { makeTemporaryFolder } from '../../emulator/host/node/temporary.js';
import { InputError } from '../../emulator/machine/errors.js';
import type { Report } from '../../emulator/report/model.js';
import { runScenario } from '../run/run-scenario.js';
import { loadScenario } from '../run/scenario-file.js';
import { KNOWN_FINDINGS } from './known-stacks.js';
import { planOn, type SoakMachine } from './machine-options.js';
import { linesOf } from './scenarios.js';
import { fileNameOf, scenarioOf } from './stack-scenario.js';
import { STACKS, type Stack } from './stacks.js';

export type StackEnd =
  | { readonly is: 'passed' }
  /** The kernel's reason. The machine has gone on well without the snapshot. */
  | { readonly is: 'refused'; readonly why: string }
  /** It failed as is known of it. */
  | { readonly is: 'known'; readonly why: string }
  | { readonly is: 'wrong'; readonly lines: readonly string[] };

/** The stacks of these names; all without any. @throws InputError for a name that none has. */
export function stacksNamed(names: readonly string[]): readonly Stack[] {
  if (names.length === 0) return STACKS;
  return names.map((name) => {
    const found = STACKS.find((stack) => stack.name === name);
    if (found === undefined)
      throw new InputError(`there is no stack '${name}'`, {
        remedy: `one of these:\n${STACKS.map((stack) => `  ${stack.name}`).join('\n')}`,
      });
    return found;
  });
}

/** Writes a scenario file for each of the stacks into `folder`, and returns their paths. */
export async function writeStacks(stacks: readonly Stack[], folder: string): Promise<readonly string[]> {
  try {
    await mkdir(folder, { recursive: true });
    const files = stacks.map((stack) => ({ path: join(folder, fileNameOf(stack)), stack }));
    for (const { path, stack } of files) await writeFile(path, scenarioOf([stack], 'taken'));
    return files.map(({ path }) => path);
  } catch (cause) {
    throw new InputError(`cannot write scenarios to ${folder}`, { cause, remedy: 'name a folder that is writable' });
  }
}

/** @throws RigError, InputError */
export async function runStacks(
  stacks: readonly Stack[],
  machine: SoakMachine,
  context: BuildContext,
): Promise<StackEnd> {
  const end = await run(stacks, machine, context);
  const known = stacks.flatMap(({ name }) => KNOWN_FINDINGS[name] ?? []).at(0);
  if (known === undefined) return end;
  if (end.is === 'wrong' && end.lines.some((line) => known.test(line))) return { is: 'known', why: known.source };
  return {
    is: 'wrong',
    lines: [`this should be found: ${known.source}`, ...(end.is === 'wrong' ? end.lines : [`but it ${end.is}`])],
  };
}

async function run(stacks: readonly Stack[], machine: SoakMachine, context: BuildContext): Promise<StackEnd> {
  const mayBeRefused = stacks.every(({ ends }) => ends === 'either');
  const report = await attempt(scenarioOf(stacks, 'taken', machine.engine), machine, context);
  if (report.verdict === 'pass') return { is: 'passed' };
  const lines = linesOf(report);
  if (!mayBeRefused || !lines.some((line) => line.includes(REFUSED))) return { is: 'wrong', lines };
  // Once more, as one that has to be refused, so that what comes after the refusal is checked, too.
  const again = await attempt(scenarioOf(stacks, 'refused', machine.engine), machine, context);
  if (again.verdict !== 'pass') return { is: 'wrong', lines: linesOf(again) };
  const [reason = 'with a reason'] = lines.flatMap((line) => KERNEL_SAYS.exec(line)?.[1] ?? []);
  return { is: 'refused', why: reason };
}

/** As `emulator/cycle/sys-snapshot.ts` and snapctl say it. */
const REFUSED = 'the kernel refused to take a snapshot';
const KERNEL_SAYS = /the kernel says: (snapshot: .*)/;

async function attempt(text: string, machine: SoakMachine, context: BuildContext): Promise<Report> {
  const folder = await makeTemporaryFolder('snapback-stacks-');
  try {
    const file = join(folder, 'stacks.yaml');
    await writeFile(file, text);
    const loaded = await loadScenario(file, machine);
    const { report } = await runScenario({ ...loaded, plan: planOn(loaded.plan, machine) }, context, {
      say: () => undefined,
    });
    return report;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
