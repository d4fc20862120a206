// SPDX-License-Identifier: MIT
/** The command line of `npm run soak`. */
import { parseArgs } from 'node:util';
import { InputError } from '../../emulator/machine/errors.js';
import { isFlavour, KERNEL_FLAVOURS, type KernelFlavour } from '../../emulator/cycle/plan.js';
import type { KernelArch } from '../../guest-kernel/build.js';
import { quoted } from '../run/own-command.js';
import { BROWSERS, type BrowserName } from './browsers.js';
import { MACHINE_HELP, MACHINE_OPTIONS, machineOf, wordsOf, type SoakMachine } from './machine-options.js';

export interface ChainPart {
  readonly run: 'chain';
  readonly cycles: number;
  readonly seed: number;
  readonly machine: SoakMachine;
}

export interface StormPart {
  readonly run: 'storm';
  readonly firstSeed: number;
  readonly lastSeed: number;
  readonly machine: SoakMachine;
}

/** A storm of nothing but memory, during many snapshots. */
export interface MemoryPart {
  readonly run: 'memory';
  readonly snapshots: number;
  readonly seed: number;
  readonly machine: SoakMachine;
}

export interface ScenariosPart {
  readonly run: 'scenarios';
  /** All of them when there are none. */
  readonly names: readonly string[];
  readonly machine: SoakMachine;
}

/** Snapshots of stacks of filesystems and devices. */
export interface StacksPart {
  readonly run: 'stacks';
  /** All of them when there are none. */
  readonly names: readonly string[];
  /** Only write their scenarios into this folder. */
  readonly write?: string;
  readonly machine: SoakMachine;
}

/** A kernel that is built twice. */
export interface KernelPart {
  readonly run: 'kernel';
  readonly flavour: KernelFlavour;
  readonly arch: KernelArch;
}

/** Long end-to-end tests: the files of `test/soak`. */
export interface TestsPart {
  readonly run: 'tests';
  /** All of them when there are none. */
  readonly names: readonly string[];
}

/** The page in browsers. */
export interface BrowsersPart {
  readonly run: 'browsers';
  /** All of them when there are none. */
  readonly names: readonly BrowserName[];
}

/** What one command line of its own can run. */
export type Part =
  ChainPart | StormPart | MemoryPart | ScenariosPart | StacksPart | KernelPart | TestsPart | BrowsersPart;

export interface AllOptions {
  readonly run: 'all';
  /** The number of the first part that is run, from 1. */
  readonly from: number;
  readonly machine: SoakMachine;
}

export type Options = Part | AllOptions | { readonly run: 'help' };

const SEED_MAX = 0xffff_ffff;
export const CYCLES = 200;
export const SEEDS = 1000;
export const SNAPSHOTS = 200;

export const HELP = `usage: npm run soak -- chain [--cycles N] [--seed N] [MACHINE]
       npm run soak -- storm [--seeds FIRST-LAST] [MACHINE]
       npm run soak -- memory [--snapshots N] [--seed N] [MACHINE]
       npm run soak -- scenarios [NAME...] [MACHINE]
       npm run soak -- stacks [NAME...] [--write FOLDER] [MACHINE]
       npm run soak -- kernel [--kernel FLAVOUR] [--arch A]
       npm run soak -- tests [NAME...]
       npm run soak -- browsers [NAME...]
       npm run soak -- [all] [--engine E] [--from PART]

What takes too long for every test run, on one core:
  chain      snapshots, each taken by the system that came back from the one before, and each verified
  storm      seed by seed, a machine that takes snapshots, goes back to them, resumes from or commits them while it hibernates, freezes,
             mounts, maps, swaps, forks ...; with a kernel that has no snapshot(2), it hibernates only
  memory     threads on all processors do everything to their memory while snapshots are taken
  scenarios  those of test/scenarios that the machine can run; the mistakes of the broken kernels must be found
  stacks     filesystems on devices on files on filesystems ..., each stack while it is written to; NAME is such as
             'xfs on crypt on loop on ext4'
  kernel     a kernel is built a second time, elsewhere, interrupted and continued, and compared byte by byte
  tests      those of test/soak, which are like those of test/e2e and are run as these are; NAME is such as debug-kernel
  browsers   the page in Chromium and Firefox, by clicks: a whole round, ways back, a link, and what can be done at pauses, also each
             fault of its list, which the proofs must name; Node must come to the same states; NAME is chromium or firefox
  all        everything, on every kind of machine of the engine, part by part

  --cycles N             how many snapshots of a chain (${CYCLES} unless told)
  --snapshots N          how many during the storm of memory (${SNAPSHOTS} unless told)
  --seed N               of the chain's machine, or of the storm of memory (1 unless told)
  --seeds FIRST-LAST     which storms (1-${SEEDS} unless told), or one seed alone
  --write FOLDER         writes a scenario file for each of the stacks, and runs nothing
  --from PART            continues an interrupted \`all\` with this part

MACHINE:
${MACHINE_HELP}

Each failure comes with the command that shows it again. Exit status: 0 all was well, 1 it was not.
`;

/** @throws InputError for unknown options. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  if (values.help === true) return { run: 'help' };
  const machine = machineOf(values);
  const [run = 'all', ...rest] = positionals;
  const allowed = OWN_OPTIONS[run];
  if (allowed === undefined) throw wrong(`there is nothing named '${run}' to run`);
  const [extra] = OWN.filter((name) => values[name] !== undefined && !allowed.includes(name));
  if (extra !== undefined) throw wrong(`--${extra} is not for '${run}'`);
  if (!NAMING.includes(run) && rest.length > 0) throw wrong(`'${rest[0] ?? ''}' is too much`);
  switch (run) {
    case 'chain':
      return {
        run,
        cycles: numberIn(values.cycles, '--cycles', 1, 10_000) ?? CYCLES,
        seed: numberIn(values.seed, '--seed', 0, SEED_MAX) ?? 1,
        machine,
      };
    case 'storm':
      if (machine.freezeOrder !== undefined) throw wrong('a storm chooses the order of freezing by its seed');
      return { run, ...seedsIn(values.seeds), machine };
    case 'memory':
      if (machine.freezeOrder !== undefined) throw wrong('the storm of memory does not choose the order of freezing');
      return {
        run,
        snapshots: numberIn(values.snapshots, '--snapshots', 1, 10_000) ?? SNAPSHOTS,
        seed: numberIn(values.seed, '--seed', 0, SEED_MAX) ?? 1,
        machine,
      };
    case 'scenarios':
      return { run, names: rest, machine };
    case 'stacks':
      return { run, names: rest, ...(values.write !== undefined && { write: values.write }), machine };
    case 'kernel': {
      const { kernel: flavour = 'release', arch = 'i386', ...others } = machine;
      if (Object.keys(others).length > 0 || !isFlavour(flavour))
        throw wrong(`a kernel that is built twice takes --kernel ${KERNEL_FLAVOURS.join(' or ')}, and --arch`);
      return { run, flavour, arch };
    }
    case 'tests':
      if (Object.keys(machine).length > 0) throw wrong(`each test has machines of its own, not${wordsOf(machine)}`);
      return { run, names: rest };
    case 'browsers': {
      if (Object.keys(machine).length > 0) throw wrong(`the page has a machine of its own, not${wordsOf(machine)}`);
      const names = Object.keys(BROWSERS) as readonly BrowserName[];
      return {
        run,
        names: rest.map((given) => {
          const found = names.find((name) => name === given);
          if (found === undefined) throw wrong(`a browser is ${names.join(' or ')}, not '${given}'`);
          return found;
        }),
      };
    }
    default: {
      const { engine, ...others } = machine;
      if (Object.keys(others).length > 0)
        throw wrong(
          `everything is run on machines of all kinds, so that only their --engine is chosen, not${wordsOf(others)}`,
        );
      return { run: 'all', from: numberIn(values.from, '--from', 1, 1000) ?? 1, machine: engine ? { engine } : {} };
    }
  }
}

/** The command that runs this. */
export function commandOf(part: Part | AllOptions): string {
  if (part.run === 'kernel') return `npm run soak -- kernel${wordsOf({ kernel: part.flavour, arch: part.arch })}`;
  if (part.run === 'tests') return `npm run soak -- tests${part.names.map((name) => ` ${name}`).join('')}`;
  if (part.run === 'browsers') return ['npm run soak -- browsers', ...part.names].join(' ');
  const own = (): string => {
    switch (part.run) {
      case 'chain':
        return ` --cycles ${part.cycles} --seed ${part.seed}`;
      case 'storm':
        return ` --seeds ${part.firstSeed === part.lastSeed ? part.firstSeed : `${part.firstSeed}-${part.lastSeed}`}`;
      case 'memory':
        return ` --snapshots ${part.snapshots} --seed ${part.seed}`;
      case 'scenarios':
        return part.names.map((name) => ` ${name}`).join('');
      case 'stacks':
        return [...part.names, ...(part.write === undefined ? [] : ['--write', part.write])]
          .map((word) => ` ${quoted(word)}`)
          .join('');
      case 'all':
        return ` --from ${part.from}`;
    }
  };
  return `npm run soak -- ${part.run}${own()}${wordsOf(part.machine)}`;
}

const OWN = ['cycles', 'snapshots', 'seed', 'seeds', 'write', 'from'] as const;
/** The parts that are told by name what to run. */
const NAMING: readonly string[] = ['scenarios', 'stacks', 'tests', 'browsers'];
const OWN_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  chain: ['cycles', 'seed'],
  storm: ['seeds'],
  memory: ['snapshots', 'seed'],
  scenarios: [],
  stacks: ['write'],
  kernel: [],
  tests: [],
  browsers: [],
  all: ['from'],
};

/** The options, parsed but not yet checked. */
function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const texts = Object.fromEntries([...OWN, ...MACHINE_OPTIONS].map((name) => [name, text])) as Record<
    (typeof OWN)[number] | (typeof MACHINE_OPTIONS)[number],
    typeof text
  >;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...texts, help: { type: 'boolean', short: 'h' } },
    });
  } catch (cause) {
    throw wrong((cause as Error).message, cause);
  }
}

function seedsIn(given: string | undefined): Pick<StormPart, 'firstSeed' | 'lastSeed'> {
  if (given === undefined) return { firstSeed: 1, lastSeed: SEEDS };
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(given) ?? [];
  const [firstSeed, lastSeed] = [Number(first), Number(last)];
  if (!(firstSeed <= lastSeed && lastSeed <= SEED_MAX)) throw wrong(`--seeds is a seed or FIRST-LAST, not '${given}'`);
  return { firstSeed, lastSeed };
}

function numberIn(given: string | undefined, name: string, min: number, max: number): number | undefined {
  if (given === undefined) return undefined;
  const number = /^\d+$/.test(given) ? Number(given) : NaN;
  if (number >= min && number <= max) return number;
  throw wrong(`${name} is a whole number from ${min} to ${max}, not '${given}'`);
}

const wrong = (what: string, cause?: unknown): InputError =>
  new InputError(what, { cause, remedy: 'npm run soak -- --help shows how' });
