// SPDX-License-Identifier: MIT
/** `npm run soak`: long series of cycles, many storms, all scenarios, second builds of kernels, and long tests. */
import { join } from 'node:path';
import { buildContext } from '../cli/build-context.js';
import { ensurePrerequisites, FOR_TESTS } from '../cli/doctor.js';
import { runTool } from '../cli/tool.js';
import type { Purpose } from '../prerequisites.js';
import { bootStates } from '../../emulator/cycle/boot.js';
import { byteCache } from '../../emulator/host/node/byte-cache.js';
import { sharedEngine } from '../run/engines.js';
import { obtainMachineFiles } from '../run/machine-files.js';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { runScenario } from '../run/run-scenario.js';
import { UnfitMachine } from '../run/scenario-file.js';
import { printableLine } from '../../emulator/report/escape.js';
import { excerptOf } from '../../emulator/report/excerpt.js';
import { EXIT } from '../../emulator/machine/errors.js';
import { renderText } from '../../emulator/report/text.js';
import { STANDARD_DISKS, standardMachine } from '../../emulator/scenario/schema.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { kindName } from '../../guest-kernel/build.js';
import { filesDiffering, kernelTwice } from '../../guest-kernel/rebuild.js';
import { BROWSERS, inBrowsers, type BrowserName } from './browsers.js';
import { firstBadCycle, leakFindings, loadChain, pagesKept } from './chain.js';
import { planOn, type SoakMachine } from './machine-options.js';
import {
  commandOf,
  HELP,
  readOptions,
  type AllOptions,
  type BrowsersPart,
  type ChainPart,
  type KernelPart,
  type MemoryPart,
  type Part,
  type ScenariosPart,
  type StacksPart,
  type StormPart,
  type TestsPart,
} from './options.js';
import { partsOf } from './parts.js';
import { scenarioNames } from '../run/scenario-names.js';
import { loadFor, runOn } from './scenarios.js';
import { isKnown } from './known-stacks.js';
import { runStacks, stacksNamed, writeStacks } from './stack-run.js';
import { groupsOf, type Stack } from './stacks.js';
import { runLongTest, testName, testsNamed } from './tests.js';
import { memoryStorm, runStorm, stormReady, type Storm, type StormOutcome } from './storm.js';

const SHOWN_EVERY_CYCLES = 10;
const DETAILS_MAX = 40;

/** Returns the exit status. */
export function main(args: readonly string[]): Promise<number> {
  return runTool(async (signal) => {
    const options = readOptions(args);
    if (options.run === 'help') {
      console.log(HELP);
      return EXIT.pass;
    }
    const { context, progress } = buildContext(signal);
    await ensurePrerequisites(context, purposesOf(options));
    const well = options.run === 'all' ? await all(options, context) : await runPart(options, context);
    progress.clear();
    return well ? EXIT.pass : EXIT.guestFailed;
  });
}

/** What the host needs for it besides what every run needs. */
function purposesOf(options: Part | AllOptions): readonly Purpose[] {
  if (options.run === 'tests') return FOR_TESTS;
  if (options.run === 'all') return [...new Set(partsOf(options.machine.engine).flatMap(purposesOf))];
  if (options.run === 'browsers') return ['browsers'];
  return options.run !== 'kernel' && options.machine.engine === 'qemu' ? ['qemu'] : [];
}

/** Runs every part from `from` on. An interrupted run says how it is continued. */
async function all({ from, machine }: AllOptions, context: BuildContext): Promise<boolean> {
  const parts = partsOf(machine.engine);
  const bad: string[] = [];
  for (const [index, part] of parts.entries()) {
    if (index + 1 < from) continue;
    console.log(`PART ${index + 1} of ${parts.length}: ${commandOf(part)}`);
    const well = await continuable(runPart(part, context), { run: 'all', from: index + 1, machine });
    if (!well) bad.push(commandOf(part));
  }
  console.log(
    [bad.length === 0 ? 'PASS  all parts' : 'FAIL  these parts:', ...bad.map((one) => `  ${one}`)].join('\n'),
  );
  return bad.length === 0;
}

/** Runs one part, and says whether all was well. */
function runPart(part: Part, context: BuildContext): Promise<boolean> {
  switch (part.run) {
    case 'chain':
      return chain(part, context);
    case 'storm':
      return storms(part, context);
    case 'memory':
      return memory(part, context);
    case 'scenarios':
      return scenarios(part, context);
    case 'stacks':
      return stacks(part, context);
    case 'kernel':
      return kernel(part, context);
    case 'tests':
      return tests(part, context);
    case 'browsers':
      return browsers(part, context);
  }
}

async function kernel(part: KernelPart, context: BuildContext): Promise<boolean> {
  const differing = filesDiffering(await kernelTwice(part, context));
  const title = `the kernel ${kindName(part)}, built a second time,`;
  console.log(
    differing.length === 0
      ? `PASS  ${title} is the same byte by byte`
      : `FAIL  ${title} has other bytes: ${differing.join(', ')}\n  again: ${commandOf(part)}`,
  );
  return differing.length === 0;
}

async function browsers({ names }: BrowsersPart, context: BuildContext): Promise<boolean> {
  const startedMs = performance.now();
  let [count, oneMs] = [0, startedMs];
  const failed: string[] = [];
  for await (const { title, version, wrong } of inBrowsers(
    names.length > 0 ? names : (Object.keys(BROWSERS) as readonly BrowserName[]),
    context,
  )) {
    count++;
    console.log(`${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${title} · ${version} · ${secondsSince(oneMs)} s`);
    oneMs = performance.now();
    if (wrong.length === 0) continue;
    failed.push(title);
    for (const line of wrong.slice(0, DETAILS_MAX)) console.log(`    ${printableLine(line)}`);
    console.log(`  again: ${commandOf({ run: 'browsers', names })}`);
  }
  console.log(
    `${failed.length === 0 ? 'PASS' : 'FAIL'}  ${count - failed.length} of ${count} in browsers, in ${secondsSince(startedMs)} s${failed.length > 0 ? `; not these: ${failed.join('; ')}` : ''}`,
  );
  return failed.length === 0;
}

async function chain(part: ChainPart, context: BuildContext): Promise<boolean> {
  const { cycles, seed, machine } = part;
  const chained = await loadChain(cycles, { seed, ...machine });
  const loaded = { ...chained, plan: planOn(chained.plan, machine) };
  const startedMs = performance.now();
  let begun = 0;
  const { report, outcome } = await runScenario(loaded, context, {
    say: (what) => {
      if (what.startsWith('verify') && ++begun % SHOWN_EVERY_CYCLES === 0)
        console.log(`${begun} of ${cycles} cycles · ${secondsSince(startedMs)} s · this process: ${rssMb()} MB`);
    },
  });
  const kept = pagesKept(outcome.main.commands);
  const leaks = cycles > SHOWN_EVERY_CYCLES ? leakFindings(kept) : [];
  console.log(
    renderText(report, { colour: false })
      .replace(/^ *replay: [^]*$/m, '')
      .trimEnd(),
  );
  if (kept)
    console.log(
      `  kept by the kernel of each cycle: ${kept.unaccountedPages.toFixed(2)} pages, and ${kept.slabPages.toFixed(2)} of slab`,
    );
  const well = report.verdict === 'pass' && leaks.length === 0 && outcome.main.cycles.length === cycles;
  if (!well) {
    const bad = firstBadCycle(outcome.main.cycles) ?? Math.min(cycles, outcome.main.cycles.length + 1);
    const again = { ...part, cycles: leaks.length > 0 ? cycles : bad };
    console.log(`FAIL  ${leaks[0]?.what ?? `in cycle ${bad}`}\n  again: ${commandOf(again)}`);
  }
  return well;
}

async function storms(part: StormPart, context: BuildContext): Promise<boolean> {
  const { firstSeed, lastSeed, machine } = part;
  const storm = await stormOn(machine, context);
  const ready = await stormReady(storm);
  const startedMs = performance.now();
  const failed: number[] = [];
  let taken = 0;
  for (let seed = firstSeed; seed <= lastSeed; seed++) {
    const seedMs = performance.now();
    const outcome = await continuable(runStorm(storm, ready, seed), { ...part, firstSeed: seed });
    taken += outcome.taken;
    console.log(`${lineOf(outcome, storm)} · ${secondsSince(seedMs)} s · ${rssMb()} MB`);
    if (outcome.failures.length === 0) continue;
    failed.push(seed);
    sayFailures(outcome.failures);
    console.log(`  again: ${commandOf({ ...part, firstSeed: seed, lastSeed: seed })}`);
  }
  const count = lastSeed - firstSeed + 1;
  console.log(
    `${failed.length === 0 ? 'PASS' : 'FAIL'}  ${count - failed.length} of ${count} storms were weathered, ${taken} snapshots taken, in ${secondsSince(startedMs)} s${failed.length > 0 ? `; not these: ${failed.join(', ')}` : ''}`,
  );
  return failed.length === 0;
}

async function memory(part: MemoryPart, context: BuildContext): Promise<boolean> {
  const { snapshots, seed, machine } = part;
  const storm = await stormOn(machine, context);
  const startedMs = performance.now();
  const outcome = await runStorm(storm, await stormReady(storm), seed, memoryStorm(snapshots));
  const { failures, taken } = outcome;
  const well = failures.length === 0 && taken >= snapshots;
  console.log(
    `${well ? 'PASS' : 'FAIL'}  ${taken} of ${snapshots} snapshots were taken of memory at work, in ${secondsSince(startedMs)} s`,
  );
  sayFailures(failures);
  if (!well) console.log(`  again: ${commandOf(part)}`);
  return well;
}

function sayFailures(failures: StormOutcome['failures']): void {
  for (const { what, details } of failures)
    console.log(
      [`  ${what}`, ...excerptOf('guest', details, DETAILS_MAX).map((line) => `    ${printableLine(line)}`)].join('\n'),
    );
}

/** Waits, and says how to continue with `rest` when the wait ends by an interruption or by a failure of the rig. */
async function continuable<T>(wait: Promise<T>, rest: Part | AllOptions): Promise<T> {
  try {
    return await wait;
  } catch (error) {
    console.log(`to continue: ${commandOf(rest)}`);
    throw error;
  }
}

async function stormOn(asked: SoakMachine, context: BuildContext): Promise<Storm> {
  const own = standardMachine(asked);
  const { machine } = planOn({ name: 'storm', machine: own, files: [], steps: [], control: false }, asked);
  const files = await obtainMachineFiles({ ...machine, kernel: asked.kernel ?? own.kernel }, STANDARD_DISKS, context);
  return {
    booter: {
      engine: sharedEngine(machine.engine),
      config: files.config,
      configKey: files.configKey,
      cache: byteCache(join(context.cacheDir, 'checkpoints')),
      signal: context.signal,
    },
    states: bootStates(),
    proofs: nodeProofs(files),
  };
}

async function scenarios(part: ScenariosPart, context: BuildContext): Promise<boolean> {
  const { names, machine } = part;
  const startedMs = performance.now();
  const failed: string[] = [];
  const wanted = names.length > 0 ? names : scenarioNames();
  // A name that is not one is told before anything is run.
  for (const name of wanted) await loadFor(name, machine).catch(unlessUnfit);
  for (const [index, name] of wanted.entries()) {
    const oneMs = performance.now();
    const result = await continuable(runOn(name, machine, context), { ...part, names: wanted.slice(index) });
    if ('unfit' in result) {
      console.log(`skip ${name}: ${result.unfit}`);
      continue;
    }
    console.log(`${result.wrong.length === 0 ? 'ok  ' : 'FAIL'} ${name} · ${secondsSince(oneMs)} s · ${rssMb()} MB`);
    if (result.wrong.length === 0) continue;
    failed.push(name);
    console.log(
      result.wrong
        .slice(0, DETAILS_MAX)
        .map((line) => `    ${printableLine(line)}`)
        .join('\n'),
    );
    console.log(`  again: ${commandOf({ ...part, names: [name] })}`);
  }
  console.log(
    `${failed.length === 0 ? 'PASS' : 'FAIL'}  ${wanted.length - failed.length} of ${wanted.length} scenarios, in ${secondsSince(startedMs)} s${failed.length > 0 ? `; not these: ${failed.join(', ')}` : ''}`,
  );
  return failed.length === 0;
}

async function stacks(part: StacksPart, context: BuildContext): Promise<boolean> {
  const { names, write, machine } = part;
  const wanted = stacksNamed(names);
  if (write !== undefined) {
    console.log((await writeStacks(wanted, write)).join('\n'));
    return true;
  }
  const startedMs = performance.now();
  const failed: string[] = [];
  const left = [...wanted];
  const tell = async (group: readonly Stack[]): Promise<void> => {
    const oneMs = performance.now();
    const end = await continuable(runStacks(group, machine, context), { ...part, names: left.map(({ name }) => name) });
    const title = `${group.map(({ name }) => name).join(' + ')} · ${secondsSince(oneMs)} s · ${rssMb()} MB`;
    if (end.is !== 'wrong') {
      console.log(`ok   ${title}${end.is === 'passed' ? '' : ` · ${end.is}: ${printableLine(end.why)}`}`);
      return;
    }
    console.log(`FAIL ${title}`);
    for (const line of end.lines.slice(0, DETAILS_MAX)) console.log(`    ${printableLine(line)}`);
    const alone = group.length > 1 ? group.map((stack) => [stack]) : [];
    const failedBefore = failed.length;
    // Which of them it is shows in machines of their own.
    for (const stack of alone) await tell(stack);
    if (failed.length > failedBefore) return;
    failed.push(...group.map(({ name }) => name));
    console.log(`  again: ${commandOf({ ...part, names: group.map(({ name }) => name) })}`);
  };
  for (const group of groupsOf(wanted, isKnown)) {
    await tell(group);
    for (const stack of group) left.splice(left.indexOf(stack), 1);
  }
  console.log(
    `${failed.length === 0 ? 'PASS' : 'FAIL'}  ${wanted.length - failed.length} of ${wanted.length} stacks, in ${secondsSince(startedMs)} s${failed.length > 0 ? `; not these: ${failed.join('; ')}` : ''}`,
  );
  return failed.length === 0;
}

async function tests(part: TestsPart, context: BuildContext): Promise<boolean> {
  const wanted = testsNamed(part.names);
  const startedMs = performance.now();
  const failed: string[] = [];
  for (const [index, file] of wanted.entries()) {
    const left = wanted.slice(index).map(testName);
    const { counts, text } = await continuable(runLongTest(file, context), { ...part, names: left });
    console.log(text);
    for (const skipped of counts.skips) console.log(`  skipped: ${skipped}`);
    if (counts.fail === 0) continue;
    failed.push(testName(file));
    console.log(`  again: ${commandOf({ ...part, names: [testName(file)] })}`);
  }
  console.log(
    `${failed.length === 0 ? 'PASS' : 'FAIL'}  ${wanted.length - failed.length} of ${wanted.length} long tests, in ${secondsSince(startedMs)} s${failed.length > 0 ? `; not these: ${failed.join(', ')}` : ''}`,
  );
  return failed.length === 0;
}

function unlessUnfit(error: unknown): void {
  if (!(error instanceof UnfitMachine)) throw error;
}

const lineOf = (
  { seed, cast, failures, taken, rolledBack, resumed, committed, refused, instructions, virtualMs }: StormOutcome,
  storm: Storm,
): string =>
  `${failures.length === 0 ? 'ok  ' : 'FAIL'} ${seed}: ${cast} · ${taken} taken, ${rolledBack} rolled back, ${resumed} resumed, ${committed} committed, ${refused} refused · ${
    storm.booter.engine.traits.countsInstructions
      ? `${Math.round(instructions / 1e6)} M instructions`
      : `${(virtualMs / 1000).toFixed(1)} s of guest time`
  }`;
const secondsSince = (ms: number): string => ((performance.now() - ms) / 1000).toFixed(1);
const rssMb = (): number => Math.round(process.memoryUsage().rss / 1e6);

process.exitCode = await main(process.argv.slice(2));
