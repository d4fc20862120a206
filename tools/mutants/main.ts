// SPDX-License-Identifier: MIT
/** Builds each mutant of test/mutants, runs the scenarios that its head names, and tells which ones no proof has seen. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { EXIT, InputError, RigError } from '../../emulator/machine/errors.js';
import { counted } from '../../emulator/report/numbers.js';
import type { CellResult } from '../../emulator/validate/cell.js';
import { readMutant, whySurvived, type Mutant } from '../../emulator/validate/mutant.js';
import { PatchesDoNotBuild } from '../../guest-kernel/kept-build.js';
import { obtainPatchedKernel } from '../../guest-kernel/patched.js';
import { readChanges } from '../../guest-kernel/patch-mail.js';
import { buildContext } from '../cli/build-context.js';
import { ensurePrerequisites } from '../cli/doctor.js';
import { runTool } from '../cli/tool.js';
import { runCell } from '../run/cell.js';

const FOLDER = packagePath('test', 'mutants');
const ENDING = '.patch';
const FLAVOUR = 'release';

interface Found {
  readonly mutant: Mutant;
  readonly text: string;
}

/** Mutants with no other scenario are quick: it takes seconds. */
const QUICK_SCENARIO = 'rollback-short';
const isQuick = ({ mutant }: Found): boolean => mutant.scenarios.every((scenario) => scenario === QUICK_SCENARIO);

/** The mutants of these names, or all. @throws InputError when there is no such mutant, or its head is wrong. */
async function mutantsNamed(names: readonly string[]): Promise<readonly Found[]> {
  const there = (await readdir(FOLDER))
    .flatMap((file) => (file.endsWith(ENDING) ? [file.slice(0, -ENDING.length)] : []))
    .sort();
  const unknown = names.find((name) => !there.includes(name));
  if (unknown !== undefined)
    throw new InputError(`there is no mutant '${unknown}'`, { remedy: `one of ${there.join(', ')}` });
  return Promise.all(
    (names.length > 0 ? names : there).map(async (name) => {
      const text = await readFile(join(FOLDER, `${name}${ENDING}`), 'latin1');
      const mutant = readMutant(name, text);
      if ('problem' in mutant)
        throw new InputError(`test/mutants/${name}${ENDING}: ${mutant.problem}`, {
          remedy: 'test/mutants/README.md describes the head of a mutant',
        });
      return { mutant, text };
    }),
  );
}

/** What came of a mutant: why it survived, line by line, or nothing when it was killed. */
async function run(
  { mutant, text }: Found,
  context: BuildContext,
  say: (what: string) => void,
): Promise<readonly string[]> {
  const changes = await readChanges([{ name: mutant.name, text }], context);
  let dir: string;
  try {
    ({ dir } = await obtainPatchedKernel({ flavour: FLAVOUR, arch: 'i386' }, changes, context));
  } catch (error) {
    if (error instanceof PatchesDoNotBuild) return [`it does not build: ${error.where}`];
    throw error;
  }
  const results: CellResult[] = [];
  for (const scenario of mutant.scenarios) {
    const cell = { name: scenario, scenario };
    const result = await runCell(cell, FLAVOUR, context, (what) => say(`${scenario} without it: ${what}`));
    if (result.verdict !== 'pass')
      throw new RigError(`the scenario ${scenario} fails without any mutant: ${result.findings[0]?.what ?? ''}`, {
        remedy: `snapback run test/scenarios/${scenario}.yaml`,
      });
    results.push(await runCell(cell, dir, context, (what) => say(`${scenario}: ${what}`)));
  }
  return whySurvived(mutant, results);
}

async function runAll(names: readonly string[], quick: boolean, signal: AbortSignal): Promise<number> {
  const { context, progress } = buildContext(signal);
  const mutants = (await mutantsNamed(names)).filter((found) => !quick || isQuick(found));
  if (mutants.length === 0)
    throw new InputError(`none of these mutants is quick: ${names.join(', ')}`, { remedy: 'leave out --quick' });
  await ensurePrerequisites(context);
  const survivors: string[] = [];
  try {
    for (const found of mutants) {
      const { name, kills } = found.mutant;
      const why = await run(found, context, (what) => progress.say(`${name}, ${what}`));
      progress.clear();
      if (why.length > 0) survivors.push(name);
      const good = kills.length === 0 ? 'PASSES  ' : 'KILLED  ';
      const bad = kills.length === 0 ? 'FAILS   ' : 'SURVIVED';
      console.log([`${why.length === 0 ? good : bad}  ${name}`, ...why.map((line) => `  ${line}`)].join('\n'));
    }
  } finally {
    progress.clear();
  }
  console.log(
    survivors.length === 0
      ? `PASS  ${counted(mutants.length, 'mutant')}: each ended as its head says`
      : `FAIL  ${survivors.length} of ${counted(mutants.length, 'mutant')}: ${survivors.join(', ')}`,
  );
  return survivors.length === 0 ? EXIT.pass : EXIT.guestFailed;
}

process.exitCode = await runTool(async (signal) => {
  let status: number = EXIT.pass;
  const program = new Command('mutants')
    .description('Kernels with mistakes (test/mutants), each of which a proof must see.')
    .argument('[mutants...]', 'names of mutants; without any, all of them')
    .option('--quick', `only those whose scenario is ${QUICK_SCENARIO}, which takes seconds`, false)
    .action(async (names: string[], { quick }: { quick: boolean }) => {
      status = await runAll(names, quick, signal);
    });
  await program.parseAsync();
  return status;
});
