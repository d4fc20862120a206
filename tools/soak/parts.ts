// SPDX-License-Identifier: MIT
/** All that is run of an engine: every scenario on every kind of its machines, the chain, and the storms. The long tests are run once. */
import type { EngineName } from '../../emulator/engines/names.js';
import { DISK_BUSES } from '../../emulator/machine/contract.js';
import type { KernelArch, KernelFlavour } from '../../guest-kernel/build.js';
import { CYCLES, SEEDS, SNAPSHOTS, type Part } from './options.js';
import type { SoakMachine } from './machine-options.js';

/** Those that show what depends on where the image and the disks are. */
const METHODS = ['sys-snapshot', 'stock-cycle'] as const;
/** Those that take snapshots with everything in use. */
const IN_USE = ['sys-snapshot', 'fs-all', 'mm-live-memory', 'mm-swapping'] as const;
/** Those that go through all code of the series, for a kernel that checks itself and takes minutes for each. */
const ALL_CODE = [
  ...METHODS,
  'fs-all',
  'raw-devices',
  'mm-stress-short',
  'processors-offline',
  'rollback',
  'commit',
  'keep',
  'suspend',
  'orphan',
  'take-down',
] as const;

/** Those of stock hibernation that a kernel without the series may be expected to pass. */
const BY_SWSUSP = ['stock-cycle', 'fs-swsusp', 'swap-file', 'memory-least-stock', 'power-cut'] as const;

/** Storms of the kernel that checks itself, which take a minute each. */
const SEEDS_DEBUG = 60;
/** Storms of the kernel without the series, which only hibernates in them. */
const SEEDS_PRISTINE = 100;
/** The chain of two processors, whose cycles take longer. */
const CYCLES_QEMU = 50;

const scenarios = (machine: SoakMachine, names: readonly string[] = []): Part => ({ run: 'scenarios', names, machine });
const storms = (machine: SoakMachine, seeds = SEEDS): Part => ({
  run: 'storm',
  firstSeed: 1,
  lastSeed: seeds,
  machine,
});
const stacks = (machine: SoakMachine): Part => ({ run: 'stacks', names: [], machine });
const memory = (machine: SoakMachine): Part => ({ run: 'memory', snapshots: SNAPSHOTS, seed: 1, machine });
const chain = (cycles: number, machine: SoakMachine): Part => ({ run: 'chain', cycles, seed: 1, machine });
const kernel = (flavour: KernelFlavour, arch: KernelArch): Part => ({ run: 'kernel', flavour, arch });

/** Named, because a scenario may have another engine of its own. */
const V86: SoakMachine = { engine: 'v86' };
const ON_V86: readonly Part[] = [
  { run: 'tests', names: [] },
  scenarios(V86),
  scenarios({ ...V86, freezeOrder: 'filesystems-first' }, IN_USE),
  scenarios({ ...V86, kernel: 'debug' }),
  ...(['pristine', 'pristine-debug'] as const).map((kernel) => scenarios({ ...V86, kernel }, BY_SWSUSP)),
  stacks(V86),
  stacks({ ...V86, freezeOrder: 'filesystems-first' }),
  stacks({ ...V86, kernel: 'debug' }),
  chain(CYCLES, {}),
  memory({}),
  storms({}),
  storms({ kernel: 'pristine' }, SEEDS_PRISTINE),
  kernel('release', 'i386'),
  kernel('debug', 'i386'),
  { run: 'browsers', names: [] },
];

const on = (processors: number, more: SoakMachine = {}): SoakMachine => ({ engine: 'qemu', processors, ...more });
/** An eighth of memory is for the shadow of the rest, and what is done must fit into what remains. */
const DEBUG: SoakMachine = { kernel: 'debug', memoryMiB: 1024 };
/** With less than 512 MiB, the kernel makes no large pages of its own accord. */
const WITH_LARGE_PAGES: SoakMachine = { memoryMiB: 640 };
const ON_QEMU: readonly Part[] = [
  ...[2, 1, 4].map((processors) => scenarios(on(processors))),
  ...[1, 2, 4].map((processors) => scenarios(on(processors, { freezeOrder: 'filesystems-first' }), IN_USE)),
  scenarios(on(2, DEBUG), ALL_CODE),
  stacks(on(2)),
  stacks(on(2, DEBUG)),
  // Each snapshot leaves a substitute on those before, with threads of its own.
  ...[2, 4].map((processors) => memory(on(processors, WITH_LARGE_PAGES))),
  chain(CYCLES_QEMU, on(2, WITH_LARGE_PAGES)),
  storms(on(2, WITH_LARGE_PAGES)),
  storms(on(2, DEBUG), SEEDS_DEBUG),
  // Each bus has ways of its own to the sectors beneath a substitute.
  ...DISK_BUSES.filter((diskBus) => diskBus !== 'ide').map((diskBus) =>
    scenarios(on(2, { diskBus }), [...METHODS, 'live-guards']),
  ),
  scenarios(on(2, { diskBus: 'virtio-scsi' }), ['fs-raw-scsi']),
  // The kernel decides about both when it boots.
  ...['preempt=full', 'nokaslr'].map((cmdline) => scenarios(on(2, { cmdline }), METHODS)),
  kernel('release', 'x86_64'),
  kernel('debug', 'x86_64'),
];

/** The parts of an engine, in their order. */
export const partsOf = (engine: EngineName = 'v86'): readonly Part[] => ({ v86: ON_V86, qemu: ON_QEMU })[engine];
