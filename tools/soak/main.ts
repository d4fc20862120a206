// SPDX-License-Identifier: MIT
/** `npm run soak`: long series of cycles, many storms, and second builds of kernels. */
import { join } from 'node:path';
import { buildContext } from '../cli/build-context.js';
import { ensurePrerequisites } from '../cli/doctor.js';
import { describeFailure } from '../cli/failure.js';
import { interruptible } from '../cli/interrupt.js';
import { watchOutput } from '../cli/output-streams.js';
import { bootStates } from '../../emulator/cycle/boot.js';
import { DEFAULT_MACHINE } from '../../emulator/cycle/plan.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { byteCache } from '../../emulator/host/node/byte-cache.js';
import { obtainMachineFiles } from '../run/machine-files.js';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { runScenario } from '../run/run-scenario.js';
import { printableLine } from '../../emulator/report/escape.js';
import { EXIT } from '../../emulator/machine/errors.js';
import { renderText } from '../../emulator/report/text.js';
import { STANDARD_DISKS } from '../../emulator/scenario/schema.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { kindName } from '../../guest-kernel/build.js';
import { filesDiffering, kernelTwice } from '../../guest-kernel/rebuild.js';
import { firstBadCycle, leakFindings, loadChain, pagesKept } from './chain.js';
import {
  HELP,
  readOptions,
  type ChainOptions,
  type KernelOptions,
  type Options,
  type StormOptions,
} from './options.js';
import { runStorm, stormReady, type Storm, type StormOutcome } from './storm.js';

const SHOWN_EVERY_CYCLES = 10;
const DETAILS_MAX = 40;

/** Returns the exit status. */
export function main(args: readonly string[]): Promise<number> {
  watchOutput();
  return interruptible(async (signal) => {
    try {
      const options = readOptions(args);
      if (options.run === 'help') {
        console.log(HELP);
        return EXIT.pass;
      }
      const { context, progress } = buildContext(signal);
      await ensurePrerequisites(context);
      const well = await run(options, context);
      progress.clear();
      return well ? EXIT.pass : EXIT.guestFailed;
    } catch (error) {
      const { message, exitCode } = describeFailure(signal.aborted ? signal.reason : error);
      console.error(message);
      return exitCode;
    }
  });
}

function run(options: Exclude<Options, { run: 'help' }>, context: BuildContext): Promise<boolean> {
  if (options.run === 'chain') return chain(options, context);
  if (options.run === 'storm') return storms(options, context);
  return kernel(options, context);
}

async function kernel(kind: KernelOptions, context: BuildContext): Promise<boolean> {
  const differing = filesDiffering(await kernelTwice(kind, context));
  const title = `the kernel ${kindName(kind)}, built a second time,`;
  console.log(
    differing.length === 0
      ? `PASS  ${title} is the same byte by byte`
      : `FAIL  ${title} has other bytes: ${differing.join(', ')}\n  again: npm run soak -- kernel --kernel ${kind.flavour} --arch ${kind.arch}`,
  );
  return differing.length === 0;
}

async function chain({ cycles, seed, kernel }: ChainOptions, context: BuildContext): Promise<boolean> {
  const loaded = await loadChain(cycles, { seed, ...(kernel !== undefined && { kernel }) });
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
      .replace(/^ *replay: .*$/m, '')
      .trimEnd(),
  );
  if (kept)
    console.log(
      `  kept by the kernel of each cycle: ${kept.unaccountedPages.toFixed(2)} pages, and ${kept.slabPages.toFixed(2)} of slab`,
    );
  const well = report.verdict === 'pass' && leaks.length === 0 && outcome.main.cycles.length === cycles;
  if (!well) {
    const bad = firstBadCycle(outcome.main.cycles) ?? Math.min(cycles, outcome.main.cycles.length + 1);
    console.log(
      `FAIL  ${leaks[0]?.what ?? `in cycle ${bad}`}\n  again: npm run soak -- chain --cycles ${leaks.length > 0 ? cycles : bad} --seed ${seed}${kernelWord(kernel)}`,
    );
  }
  return well;
}

async function storms({ firstSeed, lastSeed, kernel }: StormOptions, context: BuildContext): Promise<boolean> {
  const files = await obtainMachineFiles(
    { ...DEFAULT_MACHINE, kernel: kernel ?? DEFAULT_MACHINE.kernel },
    STANDARD_DISKS,
    context,
  );
  const storm: Storm = {
    booter: {
      engine: createV86Engine(),
      config: files.config,
      configKey: files.configKey,
      cache: byteCache(join(context.cacheDir, 'checkpoints')),
      signal: context.signal,
    },
    states: bootStates(),
    proofs: nodeProofs(files),
  };
  const ready = await stormReady(storm);
  const startedMs = performance.now();
  const failed: number[] = [];
  let taken = 0;
  for (let seed = firstSeed; seed <= lastSeed; seed++) {
    const seedMs = performance.now();
    const outcome = await runStorm(storm, ready, seed);
    taken += outcome.taken;
    console.log(`${lineOf(outcome)} · ${secondsSince(seedMs)} s · ${rssMb()} MB`);
    if (outcome.failures.length === 0) continue;
    failed.push(seed);
    for (const { what, details } of outcome.failures)
      console.log(
        [`  ${what}`, ...details.slice(0, DETAILS_MAX).map((line) => `    ${printableLine(line)}`)].join('\n'),
      );
    console.log(`  again: npm run soak -- storm --seeds ${seed}${kernelWord(kernel)}`);
  }
  const all = lastSeed - firstSeed + 1;
  console.log(
    `${failed.length === 0 ? 'PASS' : 'FAIL'}  ${all - failed.length} of ${all} storms were weathered, ${taken} snapshots taken, in ${secondsSince(startedMs)} s${failed.length > 0 ? `; not these: ${failed.join(', ')}` : ''}`,
  );
  return failed.length === 0;
}

const lineOf = ({ seed, cast, failures, taken, refused, instructions }: StormOutcome): string =>
  `${failures.length === 0 ? 'ok  ' : 'FAIL'} ${seed}: ${cast} · ${taken} taken, ${refused} refused · ${Math.round(instructions / 1e6)} M instructions`;
const kernelWord = (kernel: string | undefined): string => (kernel === undefined ? '' : ` --kernel ${kernel}`);
const secondsSince = (ms: number): string => ((performance.now() - ms) / 1000).toFixed(1);
const rssMb = (): number => Math.round(process.memoryUsage().rss / 1e6);

process.exitCode = await main(process.argv.slice(2));
