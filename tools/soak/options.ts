// SPDX-License-Identifier: MIT
/** The command line of `npm run soak`. */
import { parseArgs } from 'node:util';
import { InputError } from '../../emulator/machine/errors.js';
import { isFlavour, KERNEL_ARCHS, type KernelArch, type KernelFlavour } from '../../guest-kernel/build.js';

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

export interface KernelOptions {
  readonly run: 'kernel';
  readonly flavour: KernelFlavour;
  readonly arch: KernelArch;
}

export type Options = ChainOptions | StormOptions | KernelOptions | { readonly run: 'help' };

const SEED_MAX = 0xffff_ffff;
const CYCLES = 200;
const SEEDS = 1000;

export const HELP = `usage: npm run soak -- chain [--cycles N] [--seed N] [--kernel K]
       npm run soak -- storm [--seeds FIRST-LAST] [--kernel K]
       npm run soak -- kernel [--kernel FLAVOUR] [--arch A]

What takes too long for every test run, on one core:
  chain    snapshots, each taken by the system that came back from the one before, and each verified
  storm    seed by seed, a machine that takes snapshots while it hibernates, freezes, mounts, maps, swaps, forks ...
  kernel   a kernel is built a second time, elsewhere, interrupted and continued, and compared byte by byte

  --cycles N             how many snapshots (${CYCLES} unless told)
  --seed N               of the chain's machine (1 unless told)
  --seeds FIRST-LAST     which storms (1-${SEEDS} unless told), or one seed alone
  --kernel K             release, debug, or a folder with a kernel of your own
  --arch A               of the kernel that is built twice: i386 (unless told) or x86_64

Each failure comes with the command that shows it again. Exit status: 0 all was well, 1 it was not.
`;

/** @throws InputError for unknown options. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  if (values.help === true) return { run: 'help' };
  const kernel = values.kernel === undefined ? {} : { kernel: values.kernel };
  const [run, ...rest] = positionals;
  if (rest.length > 0) throw wrong(`'${rest[0] ?? ''}' is too much`);
  if (run !== 'kernel' && values.arch !== undefined) throw wrong('--arch is for a kernel that is built twice');
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
  if (run === 'kernel') {
    if (values.cycles !== undefined || values.seed !== undefined || values.seeds !== undefined)
      throw wrong('a kernel that is built twice takes --kernel and --arch');
    return { run, flavour: flavourIn(values.kernel), arch: archIn(values.arch) };
  }
  throw wrong(run === undefined ? 'chain, storm or kernel?' : `there is nothing named '${run}' to run`);
}

/** The options, parsed but not yet checked. */
function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        cycles: text,
        seed: text,
        seeds: text,
        kernel: text,
        arch: text,
        help: { type: 'boolean', short: 'h' },
      },
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

function flavourIn(given = 'release'): KernelFlavour {
  if (isFlavour(given)) return given;
  throw wrong(`--kernel is release or debug for a kernel that is built twice, not '${given}'`);
}

function archIn(given = 'i386'): KernelArch {
  const arch = KERNEL_ARCHS.find((name) => name === given);
  if (arch !== undefined) return arch;
  throw wrong(`--arch is ${KERNEL_ARCHS.join(' or ')}, not '${given}'`);
}

function numberIn(given: string | undefined, name: string, min: number, max: number): number | undefined {
  if (given === undefined) return undefined;
  const number = /^\d+$/.test(given) ? Number(given) : NaN;
  if (number >= min && number <= max) return number;
  throw wrong(`${name} is a whole number from ${min} to ${max}, not '${given}'`);
}

const wrong = (what: string, cause?: unknown): InputError =>
  new InputError(what, { cause, remedy: 'npm run soak -- --help shows how' });
