// SPDX-License-Identifier: MIT
/** The command line of `npm run soak`. */
import { parseArgs } from 'node:util';
import { InputError } from '../../emulator/machine/errors.js';

export interface ChainOptions {
  readonly run: 'chain';
  readonly cycles: number;
  readonly seed: number;
  readonly kernel?: string;
}

export interface StormOptions {
  readonly run: 'storm';
  readonly firstSeed: number;
  readonly lastSeed: number;
  readonly kernel?: string;
}

export type Options = ChainOptions | StormOptions | { readonly run: 'help' };

const SEED_MAX = 0xffff_ffff;
const CYCLES = 200;
const SEEDS = 1000;

export const HELP = `usage: npm run soak -- chain [--cycles N] [--seed N] [--kernel K]
       npm run soak -- storm [--seeds FIRST-LAST] [--kernel K]

What takes too long for every test run, on one core:
  chain    snapshots, each taken by the system that came back from the one before, and each verified
  storm    seed by seed, a machine that takes snapshots while it hibernates, freezes, mounts, maps, swaps, forks ...

  --cycles N             how many snapshots (${CYCLES} unless told)
  --seed N               of the chain's machine (1 unless told)
  --seeds FIRST-LAST     which storms (1-${SEEDS} unless told), or one seed alone
  --kernel K             release, debug, or a folder with a kernel of your own

Each failure comes with the command that shows it again. Exit status: 0 all was well, 1 it was not.
`;

/** @throws InputError for unknown options. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  if (values.help === true) return { run: 'help' };
  const kernel = values.kernel === undefined ? {} : { kernel: values.kernel };
  const [run, ...rest] = positionals;
  if (rest.length > 0) throw wrong(`'${rest[0] ?? ''}' is too much`);
  if (run === 'chain') {
    if (values.seeds !== undefined) throw wrong('--seeds is for storms');
    return {
      run,
      cycles: numberIn(values.cycles, '--cycles', 1, 10_000) ?? CYCLES,
      seed: numberIn(values.seed, '--seed', 0, SEED_MAX) ?? 1,
      ...kernel,
    };
  }
  if (run === 'storm') {
    if (values.cycles !== undefined || values.seed !== undefined) throw wrong('storms take --seeds');
    return { run, ...seedsIn(values.seeds), ...kernel };
  }
  throw wrong(run === undefined ? 'chain or storm?' : `there is nothing named '${run}' to run`);
}

/** The options, parsed but not yet checked. */
function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { cycles: text, seed: text, seeds: text, kernel: text, help: { type: 'boolean', short: 'h' } },
    });
  } catch (cause) {
    throw wrong((cause as Error).message, cause);
  }
}

function seedsIn(given: string | undefined): Pick<StormOptions, 'firstSeed' | 'lastSeed'> {
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
