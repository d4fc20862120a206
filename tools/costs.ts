// SPDX-License-Identifier: MIT
/**
 * Measures what scenarios cost as cells of a matrix, and counts the mutants that name them: `node tools/run.mjs tools/costs.ts
 * [--flavour debug] [SCENARIO...]`. Without a name, all that have not been measured yet on that kernel. What is found is put into
 * emulator/validate/costs.json.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { packagePath } from '../emulator/host/node/paths.js';
import { ENGINES } from '../emulator/engines/names.js';
import { EXIT, InputError } from '../emulator/machine/errors.js';
import type { Costs } from '../emulator/validate/cost.js';
import { readMutant } from '../emulator/validate/mutant.js';
import { buildContext } from './cli/build-context.js';
import { ensurePrerequisites } from './cli/doctor.js';
import { runTool } from './cli/tool.js';
import { loadCell, runCell } from './run/cell.js';
import { loadScenario } from './run/scenario-file.js';
import { scenarioNames, scenarioPath } from './run/scenario-names.js';

const FILE = packagePath('emulator', 'validate', 'costs.json');
const MUTANTS = packagePath('test', 'mutants');
/** The column of each kernel. */
const COLUMNS = { release: 'millions', debug: 'debugMillions' } as const;
type Measured = keyof typeof COLUMNS;

/** The number of mutants by the scenario that must see them. */
async function mutantsByScenario(): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const file of (await readdir(MUTANTS)).filter((name) => name.endsWith('.patch'))) {
    const mutant = readMutant(file, await readFile(join(MUTANTS, file), 'latin1'));
    if ('problem' in mutant || mutant.kills.length === 0) continue;
    for (const scenario of mutant.scenarios) counts.set(scenario, (counts.get(scenario) ?? 0) + 1);
  }
  return counts;
}

/** The scenarios of these names; without any, those that `known` does not have and that can be cells. */
async function wanted(names: readonly string[], known: Costs, flavour: Measured): Promise<readonly string[]> {
  const all = scenarioNames();
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw new InputError(`there is no scenario '${unknown}'`, { remedy: 'name files of test/scenarios without .yaml' });
  if (names.length > 0) return names;
  const open = all.filter((name) => known[name]?.[COLUMNS[flavour]] === undefined && !name.startsWith('broken-'));
  const loaded = await Promise.all(
    open.map(async (name) => [name, await loadScenario(scenarioPath(name), {})] as const),
  );
  return loaded.flatMap(([name, { plan }]) => (ENGINES[plan.machine.engine].deterministic ? [name] : []));
}

async function measure(names: readonly string[], flavour: Measured, signal: AbortSignal): Promise<void> {
  const { context, progress } = buildContext(signal);
  const { scenarios: known } = JSON.parse(await readFile(FILE, 'utf8')) as { readonly scenarios: Costs };
  const scenarios = await wanted(names, known, flavour);
  await ensurePrerequisites(context);
  const costs: Record<string, Costs[string]> = { ...known };
  const write = async (): Promise<void> => {
    const mutants = await mutantsByScenario();
    const all = [...new Set([...Object.keys(costs), ...mutants.keys()])].sort();
    const lines = all.map((name) => {
      const { millions, debugMillions } = costs[name] ?? {};
      const killed = mutants.get(name);
      const cost = {
        ...(millions !== undefined && { millions }),
        ...(debugMillions !== undefined && { debugMillions }),
        ...(killed !== undefined && { mutants: killed }),
      };
      return `    ${JSON.stringify(name)}: { ${Object.entries(cost)
        .map(([key, value]) => `"${key}": ${value}`)
        .join(', ')} }`;
    });
    const text = [
      '{',
      '  "$comment": "SPDX-License-Identifier: MIT",',
      '  "scenarios": {',
      lines.join(',\n'),
      '  }',
      '}',
      '',
    ];
    await writeFile(FILE, text.join('\n'));
  };
  await write();
  try {
    for (const scenario of scenarios) {
      const cell = { name: scenario, scenario };
      const { plan } = await loadCell(cell, flavour);
      const { figures } = await runCell(cell, flavour, context, (what) => progress.say(`${scenario}: ${what}`));
      // The control run does the same work.
      const instructions = (figures.runInstructions ?? 0) * (plan.control ? 2 : 1);
      const millions = Math.round(instructions / 1e6);
      costs[scenario] = { ...costs[scenario], [COLUMNS[flavour]]: millions };
      progress.clear();
      console.log(`${scenario}: ${millions} million instructions`);
      await write();
    }
  } finally {
    progress.clear();
  }
}

process.exitCode = await runTool(async (signal) => {
  await new Command('costs')
    .description('Measures what scenarios cost as cells of a matrix.')
    .argument('[scenarios...]', 'names of scenarios; without any, all that have not been measured')
    .addOption(new Option('--flavour <flavour>', 'on which kernel').choices(Object.keys(COLUMNS)).default('release'))
    .action((names: string[], { flavour }: { flavour: Measured }) => measure(names, flavour, signal))
    .parseAsync();
  return EXIT.pass;
});
