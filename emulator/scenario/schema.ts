// SPDX-License-Identifier: MIT
/** Defines the contents of a scenario file. Reads YAML into {@link Scenario} and reports every problem at its place. */
import {
  ARCHITECTURES,
  DEFAULT_MACHINE,
  DEFAULT_METHOD,
  EMPTY_SHARE,
  FREEZE_ORDERS,
  isFlavour,
  KERNEL_FLAVOURS,
  PROOFS,
  type Architecture,
  type CommandStep,
  type ConsoleRules,
  MACHINE_NEEDS,
  type MachineNeed,
  type MachineOptions,
  faultsOf,
  SUSPEND_METHODS,
  type Step,
  type SuspendMethod,
} from '../cycle/plan.js';
import { patternProblem } from '../cycle/pattern.js';
import { SNAPSHOT_CMDLINE } from '../cycle/sys-snapshot.js';
import { orderProblems } from '../cycle/phase.js';
import { ENGINES, type EngineName } from '../engines/names.js';
import type { Fault } from '../faults/fault.js';
import { DISK_BUSES, type SectorRange } from '../machine/contract.js';
import { ERRNO_NAMES } from '../machine/errno.js';
import { InputError } from '../machine/errors.js';
import { sector } from '../machine/units.js';
import {
  type Read,
  checked,
  choice,
  defaulted,
  duration,
  integer,
  list,
  mapping,
  name,
  optional,
  required,
  scalar,
  text,
  truth,
  word,
  readYaml,
  type Place,
  type Shape,
  type YamlIssue,
} from '../yaml/index.js';
import { chosenText, parametersShape, type Parameters } from './parameters.js';
import { clockOverrun, tooManySteps, WALL_CLOCK_MS_MAX, type StepProblem } from './extent.js';
import { marker } from './marker-name.js';

/** A file or folder of the host that is copied into the guest. */
export interface HostFile {
  /** Relative to the scenario file. */
  readonly from: string;
  /** Absolute path in the guest. */
  readonly to: string;
  /** Permission bits; undefined means those of the host's file. */
  readonly mode?: number;
}

export interface Scenario {
  readonly name: string;
  readonly machine: MachineOptions;
  /** Recipe names or recipe files, sda first. */
  readonly disks: readonly string[];
  readonly files: readonly HostFile[];
  readonly steps: readonly Step[];
  readonly console?: ConsoleRules;
  readonly control: boolean;
  /** The value of each of its parameters; absent when it has none. */
  readonly parameters?: Parameters;
}

/** The disks of the standard machine. */
export const STANDARD_DISKS = ['root', 'stores'] as const;
const COMMAND_TIMEOUT_MS = 60_000;
const OFF_TIME_BOUNDS = ['0 s', '3650 d'] as const;

const guestPath = text('an absolute path in the guest', /^\/.*[^/]$/);
const mode = scalar(
  "permission bits in octal, as text: '0755'",
  (value) => (typeof value === 'string' && /^0?[0-7]{3,4}$/.test(value) ? parseInt(value, 8) : undefined),
  0,
);
const wallClock = scalar(
  "a time from 1970 to 2069 such as '2026-01-01T00:00:00Z'",
  (value) => {
    const ms =
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(value) ? Date.parse(value) : NaN;
    return ms >= 0 && ms <= WALL_CLOCK_MS_MAX ? ms : undefined;
  },
  0,
);
/** Non-empty text. */
const filled = (wants: string): Shape<string> => text(wants, /\S/);
const pattern = checked(text('a regular expression'), (source) =>
  source === '' ? "an empty pattern matches everything: write '^$' for what is empty" : patternProblem(source),
);

/** Accepts a plain text instead of a mapping: `- run: ls` for `- run: { command: ls }`. */
function orText<T>(key: string, shape: Shape<T>): Shape<T> {
  return {
    wants: shape.wants,
    read: (value: unknown, at: Place) => shape.read(typeof value === 'string' ? { [key]: value } : value, at),
  };
}

/** The largest machine of any engine. */
const MEMORY_MIB_MAX = Math.max(...Object.values(ENGINES).map(({ memoryMiB }) => memoryMiB.max));

/** The MiB of `512 MiB` or `1 GiB`; undefined for what no machine of any engine can have. */
export function mebibytes(text: string): number | undefined {
  const [, number, unit] = /^(\d+) ?([MG])iB$/.exec(text) ?? [];
  const mib = Number(number) * (unit === 'G' ? 1024 : 1);
  return mib >= 128 && mib <= MEMORY_MIB_MAX ? mib : undefined;
}

const machineFields = {
  engine: optional(word('v86', 'qemu')),
  arch: optional(word(...ARCHITECTURES)),
  processors: optional(integer(1, 8)),
  nodes: optional(integer(1, 4)),
  highMemory: optional(
    scalar<number>(
      "the part of RAM above 4 GiB, from '128 MiB' to '3 GiB'",
      (value) => (typeof value === 'string' ? mebibytes(value) : undefined),
      512,
    ),
  ),
  memory: optional(
    scalar<number>(
      "RAM from '128 MiB' to '3 GiB'",
      (value) => (typeof value === 'string' ? mebibytes(value) : undefined),
      256,
    ),
  ),
  diskBus: optional(word(...DISK_BUSES)),
  freezeOrder: optional(word(...FREEZE_ORDERS)),
  seed: optional(integer(0, 0xffff_ffff)),
  kernel: optional(
    scalar<string>(
      `${KERNEL_FLAVOURS.map((flavour) => `'${flavour}'`).join(', ')}, or the path of a folder with a kernel of your own, like ./linux,`,
      (value) => (typeof value === 'string' && (isFlavour(value) || value.includes('/')) ? value : undefined),
      'release',
    ),
  ),
  cmdline: optional(text('words for the kernel command line')),
  volatileCaches: optional(truth()),
  share: optional(
    scalar<string>(
      "'empty', or the path of a folder, like ./folder,",
      (value) => (typeof value === 'string' && (value === EMPTY_SHARE || value.includes('/')) ? value : undefined),
      EMPTY_SHARE,
    ),
  ),
  wallClock: optional(wallClock),
  needs: optional(list(word(...MACHINE_NEEDS), 1)),
};
const machineShape = mapping(machineFields);
type RawMachine = Partial<Read<typeof machineShape>>;

/** What somebody asks of the machine instead of what the scenario says. */
export type MachineOverrides = Partial<
  Pick<MachineOptions, 'engine' | 'arch' | 'processors' | 'memoryMiB' | 'diskBus' | 'freezeOrder'>
>;

/** What somebody asks of a run instead of what the scenario says. */
export interface ScenarioOverrides extends MachineOverrides {
  /** Of each suspend. */
  readonly method?: SuspendMethod;
  /** Values of parameters that the scenario has, by name. */
  readonly parameters?: Parameters;
}

/** The architecture of a scenario that names none, on an engine that somebody asks for. */
const ARCH_OF_ENGINE: Readonly<Record<EngineName, Architecture>> = { v86: 'i386', qemu: 'x86_64' };

/** Without so much, the kernel for x86_64 has no transparent huge pages. */
const X86_64_MIB = 1024;

/**
 * The memory that the kernel for x86_64 needs in addition to that for i386. A scenario's memory is that of its own
 * architecture; with this, its programs have the same memory on the other one.
 */
const X86_64_MORE_MIB = 16;

function machineOf(given: RawMachine, overrides: MachineOverrides): MachineOptions {
  const freezeOrder = overrides.freezeOrder ?? given.freezeOrder;
  const engine = overrides.engine ?? given.engine ?? DEFAULT_MACHINE.engine;
  const ownArch = given.arch ?? DEFAULT_MACHINE.arch;
  const arch =
    overrides.arch ?? (overrides.engine === undefined ? ownArch : (given.arch ?? ARCH_OF_ENGINE[overrides.engine]));
  const more = ownArch === 'i386' && arch === 'x86_64' ? X86_64_MORE_MIB : 0;
  const memoryMiB =
    given.memory === undefined ? (arch === 'x86_64' ? X86_64_MIB : DEFAULT_MACHINE.memoryMiB) : given.memory + more;
  return {
    engine,
    arch,
    processors: overrides.processors ?? given.processors ?? DEFAULT_MACHINE.processors,
    ...(given.nodes !== undefined && { nodes: given.nodes }),
    memoryMiB: overrides.memoryMiB ?? memoryMiB,
    ...(given.highMemory !== undefined && { highMemoryMiB: given.highMemory }),
    diskBus: overrides.diskBus ?? given.diskBus ?? DEFAULT_MACHINE.diskBus,
    ...(freezeOrder !== undefined && { freezeOrder }),
    seed: given.seed ?? DEFAULT_MACHINE.seed,
    kernel: given.kernel ?? DEFAULT_MACHINE.kernel,
    cmdline: given.cmdline?.split(/\s+/).filter((one) => one !== '') ?? [],
    wallClockMs: given.wallClock ?? DEFAULT_MACHINE.wallClockMs,
    ...(given.volatileCaches === true && { volatileCaches: true }),
    ...(given.share !== undefined && { share: given.share }),
    ...(given.needs !== undefined && { needs: given.needs }),
  };
}

/** The standard machine with `overrides`, as of a scenario that says nothing else. @throws InputError when there is none. */
export function standardMachine(overrides: MachineOverrides): MachineOptions {
  const machine = machineOf({ memory: DEFAULT_MACHINE.memoryMiB }, overrides);
  const problem = machineProblem(machine);
  if (problem !== undefined) throw new InputError(problem);
  return machine;
}

/** What a machine of an engine without the trait does not do. */
const WITHOUT: Readonly<Record<MachineNeed, string>> = {
  deterministic: 'does not repeat a run bit by bit',
  ownTime: 'has no time of its own',
};

/** Why there is no machine like this, if so. */
function machineProblem(options: MachineOptions): string | undefined {
  const { engine, arch, processors, diskBus, kernel, share, volatileCaches, memoryMiB } = options;
  const { highMemoryMiB = 0, nodes = 1, needs = [] } = options;
  const { min, max } = ENGINES[engine].memoryMiB;
  if (engine === 'v86' && arch !== 'i386') return `the engine v86 cannot run ${arch}: add \`engine: qemu\``;
  if (processors > ENGINES[engine].processorsMax)
    return `a machine of the engine ${engine} has at most ${ENGINES[engine].processorsMax} processor${ENGINES[engine].processorsMax === 1 ? '' : 's'}${engine === 'v86' ? ': add `engine: qemu`' : ''}`;
  if (processors > 1 && arch === 'i386' && !kernel.includes('/'))
    return `the ${kernel} kernel for i386 uses one processor only: add \`arch: x86_64\``;
  if (!ENGINES[engine].diskBuses.includes(diskBus))
    return `a machine of the engine ${engine} cannot have ${diskBus} disks: add \`engine: qemu\``;
  if (diskBus !== 'ide' && arch === 'i386' && !kernel.includes('/'))
    return `the ${kernel} kernel for i386 has no driver for ${diskBus} disks: add \`arch: x86_64\``;
  if (memoryMiB < min || memoryMiB > max)
    return `a machine of the engine ${engine} has ${min} MiB to ${max} MiB of RAM, not ${memoryMiB} MiB`;
  if (nodes > ENGINES[engine].nodesMax || nodes > processors)
    return ENGINES[engine].nodesMax === 1
      ? `a machine of the engine ${engine} has one NUMA node: add \`engine: qemu\``
      : `each of ${nodes} NUMA nodes needs a processor: add \`processors: ${nodes}\``;
  if (nodes > 1 && memoryMiB % nodes !== 0)
    return `${memoryMiB} MiB of RAM cannot be divided into ${nodes} equal parts`;
  if (highMemoryMiB > 0 && (!ENGINES[engine].highMemory || arch === 'i386'))
    return `a machine of the engine ${engine} with ${arch} has no RAM above 4 GiB: add \`engine: qemu\` and \`arch: x86_64\``;
  if (highMemoryMiB > memoryMiB - min)
    return `of ${memoryMiB} MiB of RAM, at most ${memoryMiB - min} MiB can lie above 4 GiB, not ${highMemoryMiB} MiB`;
  if (volatileCaches && !ENGINES[engine].volatileCaches)
    return `a machine of the engine ${engine} cannot have \`volatileCaches\``;
  if (share !== undefined && !ENGINES[engine].share) return `a machine of the engine ${engine} cannot have a \`share\``;
  const missing = needs.find((need) => !ENGINES[engine][need]);
  return missing && `a machine of the engine ${engine} ${WITHOUT[missing]}, which the scenario needs (\`${missing}\`)`;
}

/** Longer than any real run. A sleeping guest costs no host time. */
const timeout = duration(['1 ms', '7 d']);
const commandFields = {
  command: required(filled('a command')),
  exit: defaulted(integer(0, 255), 0),
  stdout: optional(pattern),
  timeout: defaulted(timeout, COMMAND_TIMEOUT_MS),
  continue: defaulted(truth(), false),
};
const commandShape = orText('command', mapping(commandFields));

const xor = defaulted(integer(1, 255, 'the bits to flip, from 1 to 255'), 1);
const nth = defaulted(integer(1, 1_000_000), 1);
const disk = defaulted(integer(0, 1, '0 (sda) or 1 (sdb)'), 1);
const sectorRange = mapping({
  first: required(integer(0, Number.MAX_SAFE_INTEGER)),
  count: defaulted(integer(1, Number.MAX_SAFE_INTEGER), 1),
});
const faultShape = choice({
  cutPower: checked(
    mapping({
      marker: optional(marker()),
      nth,
      instruction: optional(integer(0, Number.MAX_SAFE_INTEGER)),
      write: optional(integer(0, 10_000_000)),
      writeTo: optional(sectorRange),
      disk,
      sectors: optional(integer(0, 65_535)),
    }),
    ({ marker: kind, instruction, write, writeTo, sectors }) => {
      const given = [kind, instruction, write, writeTo].filter((one) => one !== undefined).length;
      if (given !== 1) return 'give exactly one of marker, instruction, write and writeTo';
      return sectors !== undefined && write === undefined && writeTo === undefined
        ? '`sectors` is the length of a torn `write`, but there is no `write` or `writeTo` here'
        : undefined;
    },
  ),
  flipMemory: checked(
    mapping({
      marker: required(marker()),
      nth,
      symbol: optional(filled('a kernel symbol')),
      address: optional(integer(0, 0x2fff_ffff)),
      xor,
    }),
    ({ symbol, address }) =>
      (symbol === undefined) === (address === undefined) ? 'give exactly one of symbol and address' : undefined,
  ),
  failDisk: checked(
    mapping({
      marker: optional(marker()),
      nth,
      write: optional(integer(0, 10_000_000)),
      disk,
      requests: defaulted(word('reads', 'writes', 'all'), 'all'),
      sectors: optional(sectorRange),
      times: optional(integer(1, 1_000_000)),
    }),
    ({ marker: kind, write }) =>
      kind !== undefined && write !== undefined ? 'give one of marker and write, or none of them' : undefined,
  ),
  alterSector: mapping({ disk, sector: required(integer(0, Number.MAX_SAFE_INTEGER)), xor }),
});
type FaultRead = ReturnType<typeof faultShape.read>;

const timeoutField = optional(timeout);
const refusalShape = mapping({
  refused: required(pattern),
  errno: optional(name("the name of an error number, such as 'EBUSY',", ERRNO_NAMES)),
});

const suspendShape = mapping({
  method: defaulted(word(...SUSPEND_METHODS), DEFAULT_METHOD),
  offTime: defaulted(duration(OFF_TIME_BOUNDS), 3_600_000),
  beforeSaving: defaulted(list(commandShape), []),
  whileSaving: defaulted(list(commandShape), []),
  swap: optional(guestPath),
  store: defaulted(word('sdb1', 'memory'), 'sdb1'),
  mayWrite: defaulted(list(text("a volume of a disk, like 'sdb4',", /^sd[a-z]\d*$/)), []),
  compress: defaulted(truth(), true),
  keep: defaulted(truth(), false),
  then: defaulted(word('powerOff', 'rollback', 'commit'), 'powerOff'),
  command: optional(filled('a command')),
  timeout: timeoutField,
  expect: optional(refusalShape),
  faults: defaulted(list(faultShape), []),
});
type SuspendRead = Read<typeof suspendShape>;

/** Why there is no such suspend, and after a colon what to do, if so. */
function suspendProblem({
  method,
  beforeSaving,
  whileSaving,
  swap,
  store,
  mayWrite,
  compress,
  keep,
  then,
  command,
  expect,
  faults,
}: SuspendRead): string | undefined {
  if (expect && beforeSaving.length + whileSaving.length > 0)
    return 'a suspend that must be refused has no live timeline to run commands: make them steps of their own';
  if (expect && faults.some(({ kind }) => kind !== 'flipMemory' && kind !== 'failDisk'))
    return 'a machine whose suspend must be refused is never off: only `flipMemory` and `failDisk` are possible faults';
  if (method === 'sys_snapshot' && swap !== undefined)
    return 'sys_snapshot saves no image in `swap`: add `method: swsusp`';
  if (method === 'swsusp' && store === 'memory') return 'swsusp has no `store`: leave out `method: swsusp`';
  if (method === 'swsusp' && mayWrite.length > 0)
    return 'swsusp has no live timeline for `mayWrite`: leave out `method: swsusp`';
  if (method === 'swsusp' && !compress) return 'swsusp has no `compress`: leave out `method: swsusp`';
  if (method === 'swsusp' && then !== 'powerOff')
    return `swsusp has no live timeline to ${then === 'commit' ? 'commit' : 'roll back'}: leave out \`method: swsusp\``;
  if (method === 'swsusp' && command !== undefined)
    return 'swsusp is not begun by a `command`: leave out `method: swsusp`';
  if (command !== undefined && beforeSaving.length + whileSaving.length > 0)
    return 'a `command` of its own ends the live timeline at any time: begin what is to run in it by a `start` step before';
  if (command !== undefined && !compress)
    return 'a `command` of its own decides about compression: leave out `compress`';
  if (method === 'swsusp' && keep) return 'swsusp cannot `keep` an image: leave out `method: swsusp`';
  if (keep && then !== 'powerOff')
    return `a live timeline that is ${then === 'commit' ? 'committed' : 'rolled back'} saves no image to \`keep\`: leave out \`then\``;
  if (command !== undefined && keep)
    return 'a `command` of its own decides about the image: give `--keep` there, and leave out `keep`';
  if (command !== undefined && then === 'commit')
    return 'a `command` of its own that commits suspends nothing: make it a `run` step';
  if (then === 'rollback' && whileSaving.length > 0)
    return 'a live timeline that is rolled back saves no image: move the commands of `whileSaving` to `beforeSaving`';
  if (then !== 'powerOff' && faults.some(({ kind }) => kind === 'alterSector'))
    return `a machine that is ${then === 'commit' ? 'committed' : 'rolled back'} is never off: \`alterSector\` is no possible fault`;
  const key = beforeSaving.length > 0 ? 'beforeSaving' : 'whileSaving';
  return method === 'swsusp' && beforeSaving.length + whileSaving.length > 0
    ? `swsusp has no live timeline to run \`${key}\`: leave out \`method: swsusp\``
    : undefined;
}

const stepFields = {
  boot: checked(mapping({ faults: defaulted(list(faultShape), []), stops: optional(pattern) }), ({ faults, stops }) => {
    if (faults.some(({ kind }) => kind === 'alterSector'))
      return 'a machine that boots is not off: `alterSector` is a fault of the `suspend` before it';
    return stops !== undefined && faults.some(({ kind }) => kind === 'cutPower')
      ? 'a boot whose power is cut does not stop by itself: give one of `stops` and `cutPower`'
      : undefined;
  }),
  run: commandShape,
  start: checked(
    mapping({
      name: optional(filled('a name')),
      command: required(filled('a command')),
      exit: optional(integer(0, 255)),
    }),
    () => undefined,
  ),
  selfcheck: scalar(
    "'start' or 'verify'",
    (value) => (value === 'start' || value === 'verify' ? value : undefined),
    'start' as 'start' | 'verify',
  ),
  suspend: checked(suspendShape, suspendProblem),
  cutPower: mapping({}),
  resume: mapping({ timeout: timeoutField, faults: defaulted(list(faultShape), []) }),
  verify: mapping({ proofs: defaulted(list(word(...PROOFS)), PROOFS) }),
  shutdown: mapping({ timeout: timeoutField }),
};
const simpleStep = { ...stepFields, start: orText('command', stepFields.start) };
type RawSimpleStep = Read<ReturnType<typeof choice<typeof simpleStep>>>;
type RawStep =
  | RawSimpleStep
  | { readonly kind: 'repeat'; readonly value: { readonly times: number; readonly steps: readonly RawStep[] } };
const stepWords = `a step (${[...Object.keys(stepFields), 'repeat'].join(', ')})`;
const stepShape: Shape<RawStep> = { wants: stepWords, read: (value, at) => anyStep.read(value, at) };
const anyStep: Shape<RawStep> = choice(
  { ...simpleStep, repeat: mapping({ times: required(integer(1, 10_000)), steps: required(list(stepShape, 1)) }) },
  stepWords,
);

function stepOf(step: RawStep): Step {
  switch (step.kind) {
    case 'run':
      return { do: 'run', ...commandOf(step.value) };
    case 'start': {
      const { name, command, exit } = step.value;
      return { do: 'start', name: name ?? command, command, ...(exit !== undefined && { exit }) };
    }
    case 'selfcheck':
      return { do: 'selfcheck', phase: step.value };
    case 'suspend': {
      const { method, offTime, beforeSaving, whileSaving, swap, store, mayWrite, compress, keep, then } = step.value;
      const { command, timeout, expect, faults } = step.value;
      return {
        do: 'suspend',
        method,
        // Otherwise the machine is never off.
        offMs: then === 'powerOff' ? offTime : 0,
        ...(beforeSaving.length > 0 && { beforeSaving: beforeSaving.map(commandOf) }),
        whileSaving: whileSaving.map(commandOf),
        ...(swap !== undefined && { swap }),
        ...(store === 'memory' && { store }),
        ...(mayWrite.length > 0 && { mayWrite }),
        ...(!compress && { compress }),
        ...(keep && { keep }),
        ...(then !== 'powerOff' && { then }),
        ...(command !== undefined && { command }),
        ...(timeout !== undefined && { timeoutMs: timeout }),
        ...(expect && {
          refusal: { refused: expect.refused, ...(expect.errno !== undefined && { errno: expect.errno }) },
        }),
        faults: faults.map(faultOf),
      };
    }
    case 'resume':
      return { do: 'resume', ...timeoutOf(step.value), faults: step.value.faults.map(faultOf) };
    case 'verify':
      return { do: 'verify', proofs: step.value.proofs };
    case 'repeat':
      return { do: 'repeat', times: step.value.times, steps: step.value.steps.map(stepOf) };
    case 'shutdown':
      return { do: 'shutdown', ...timeoutOf(step.value) };
    case 'boot': {
      const { faults, stops } = step.value;
      return {
        do: 'boot',
        ...(faults.length > 0 && { faults: faults.map(faultOf) }),
        ...(stops !== undefined && { stops }),
      };
    }
    case 'cutPower':
      return { do: 'cutPower' };
  }
}

const timeoutOf = ({ timeout }: { readonly timeout: number | undefined }): { readonly timeoutMs?: number } =>
  timeout === undefined ? {} : { timeoutMs: timeout };

function commandOf(read: ReturnType<typeof commandShape.read>): CommandStep {
  const { command, exit, stdout, timeout, continue: goOn } = read;
  return {
    command,
    exit,
    ...(stdout !== undefined && { stdout }),
    timeoutMs: timeout,
    ...(goOn && { continue: goOn }),
  };
}

const rangeOf = ({ first, count }: { readonly first: number; readonly count: number }): SectorRange => ({
  first: sector(first),
  count,
});

function faultOf(fault: FaultRead): Fault {
  switch (fault.kind) {
    case 'cutPower': {
      const { marker: kind, nth: count, instruction, write, writeTo, disk: on, sectors } = fault.value;
      if (kind !== undefined) return { fault: 'cutPower', at: { marker: kind, nth: count } };
      if (instruction !== undefined) return { fault: 'cutPower', at: { instruction } };
      const torn = sectors === undefined ? {} : { sectors };
      return writeTo === undefined
        ? { fault: 'cutPower', at: { disk: on, write: write ?? 0, ...torn } }
        : { fault: 'cutPower', at: { disk: on, to: rangeOf(writeTo), nth: count, ...torn } };
    }
    case 'flipMemory': {
      const { marker: kind, nth: count, symbol, address, xor: bits } = fault.value;
      return { fault: 'flipMemory', at: { marker: kind, nth: count }, where: symbol ?? address ?? 0, xor: bits };
    }
    case 'failDisk': {
      const { marker: kind, nth: count, write, disk: on, requests, sectors, times } = fault.value;
      return {
        fault: 'failDisk',
        at: kind !== undefined ? { marker: kind, nth: count } : write === undefined ? 'begin' : { write },
        disk: on,
        failure: {
          requests,
          ...(sectors && { sectors: rangeOf(sectors) }),
          ...(times !== undefined && { times }),
        },
      };
    }
    case 'alterSector':
      return { fault: 'alterSector', disk: fault.value.disk, sector: fault.value.sector, xor: fault.value.xor };
  }
}

const consoleShape = checked(
  mapping({ expect: defaulted(list(pattern), []), allow: defaulted(list(pattern), []) }),
  ({ expect, allow }) =>
    expect.length + allow.length === 0 ? 'one of expect or allow must have a pattern' : undefined,
);

const rawScenario = mapping({
  name: required(filled('a name')),
  parameters: optional(parametersShape),
  machine: optional(machineShape),
  disks: defaulted(
    checked(list(filled('the name of a recipe, or the path of one'), 1), (disks) =>
      disks.length > 2 ? 'the machine has two disks at most' : undefined,
    ),
    STANDARD_DISKS,
  ),
  files: defaulted(
    list(mapping({ from: required(filled('a path of the host')), to: required(guestPath), mode: optional(mode) })),
    [],
  ),
  console: optional(consoleShape),
  control: defaulted(truth(), true),
  steps: required(list(stepShape, 1)),
});

/** The kernel command line words that tell a machine where to look for the image of a snapshot. */
const snapshotWords = (steps: readonly Step[]): readonly string[] => (takesSnapshots(steps) ? [SNAPSHOT_CMDLINE] : []);

/** A step of `steps` suspends by snapshot(2). */
export const takesSnapshots = (steps: readonly Step[]): boolean =>
  steps.some((step) =>
    step.do === 'repeat' ? takesSnapshots(step.steps) : step.do === 'suspend' && step.method === 'sys_snapshot',
  );

/**
 * Reads the scenario in `source`, the text of `file`, for a machine with `overrides`. Returns it, or all its problems (at
 * least one issue).
 */
export function readScenario(
  source: string,
  file: string,
  overrides: ScenarioOverrides = {},
): { readonly scenario: Scenario } | { readonly issues: readonly YamlIssue[] } {
  const chosen = chosenText(source, file, overrides.parameters ?? {});
  if ('issues' in chosen) return chosen;
  const read = readYaml(chosen.text, file, rawScenario);
  if ('issues' in read) return read;
  const { steps: raw, problems: methodProblems } = withMethod(read.value.steps, overrides.method);
  const scenario = { ...scenarioOf({ ...read.value, steps: raw }, overrides), ...chosen.parameters };
  const { steps, machine } = scenario;
  const traits = ENGINES[machine.engine];
  // The number of steps is checked before anything processes them.
  const excess = tooManySteps(steps) ?? clockOverrun(steps, machine.wallClockMs);
  const problems = excess
    ? [excess]
    : [
        ...methodProblems,
        ...orderProblems(steps).problems,
        ...firstBootProblems(steps),
        ...(traits.countsInstructions ? [] : countProblems(steps, machine.engine)),
      ];
  const wrongMachine = machineProblem(machine);
  const issues = [
    ...(wrongMachine === undefined ? [] : [read.source.issue('badValue', ['machine'], wrongMachine)]),
    ...problems.map(({ path, problem }) => read.source.issue('badValue', ['steps', ...path], problem)),
  ];
  return issues.length > 0 ? { issues } : { scenario };
}

/** The steps with each suspend by `method` instead of its own, and why that is not possible for some of them. */
function withMethod(
  steps: readonly RawStep[],
  method: SuspendMethod | undefined,
): { readonly steps: readonly RawStep[]; readonly problems: readonly StepProblem[] } {
  if (method === undefined) return { steps, problems: [] };
  const all = steps.map((step, index): { readonly step: RawStep; readonly problems: readonly StepProblem[] } => {
    if (step.kind === 'repeat') {
      const within = withMethod(step.value.steps, method);
      const value = { ...step.value, steps: within.steps };
      return { step: { kind: 'repeat', value }, problems: repeated(index, within.problems) };
    }
    if (step.kind !== 'suspend') return { step, problems: [] };
    const value = { ...step.value, method };
    // What the problem advises is for who writes the scenario.
    const [problem] = suspendProblem(value)?.split(': ', 1) ?? [];
    return {
      step: { kind: 'suspend', value },
      problems: problem === undefined ? [] : [{ path: [index, 'suspend'], problem }],
    };
  });
  return { steps: all.map(({ step }) => step), problems: all.flatMap(({ problems }) => problems) };
}

const FAILS_FROM =
  'on an engine that does not count instructions, a disk fails from a `marker` or a `write` on: give one';

/** A first boot that copies no files, because it does not get to its end undisturbed. */
function firstBootProblems([step]: readonly Step[]): readonly StepProblem[] {
  if (step?.do === 'repeat') return repeated(0, firstBootProblems(step.steps));
  return step?.do === 'boot' && (step.faults !== undefined || step.stops !== undefined)
    ? [
        {
          path: [0, 'boot'],
          problem: 'the first boot prepares the machine: boot it as usual before a boot with `faults` or `stops`',
        },
      ]
    : [];
}

/** Problems of the steps that the `repeat` at `index` repeats. */
const repeated = (index: number, problems: readonly StepProblem[]): readonly StepProblem[] =>
  problems.map(({ path, problem }) => ({ path: [index, 'repeat', 'steps', ...path], problem }));

/** The faults at an instruction count, which this engine cannot do. */
function countProblems(steps: readonly Step[], engine: EngineName): readonly StepProblem[] {
  const problem = `the engine ${engine} does not count instructions: cut power at a \`marker\` or a \`write\``;
  return steps.flatMap((step, index) => {
    if (step.do === 'repeat') return repeated(index, countProblems(step.steps, engine));
    return faultsOf(step).flatMap((fault, at) =>
      fault.fault === 'cutPower' && 'instruction' in fault.at
        ? [{ path: [index, step.do, 'faults', at, 'cutPower', 'instruction'], problem }]
        : fault.fault === 'failDisk' && fault.at === 'begin'
          ? [{ path: [index, step.do, 'faults', at, 'failDisk'], problem: FAILS_FROM }]
          : [],
    );
  });
}

function scenarioOf(
  { name, machine: given, disks, files, console, control, steps }: Read<typeof rawScenario>,
  overrides: MachineOverrides,
): Scenario {
  const machine = machineOf(given ?? {}, overrides);
  return {
    name,
    machine: { ...machine, cmdline: [...machine.cmdline, ...snapshotWords(steps.map(stepOf))] },
    disks,
    files: files.map(({ from, to, mode: bits }) => ({ from, to, ...(bits !== undefined && { mode: bits }) })),
    ...(console && { console }),
    control,
    steps: steps.map(stepOf),
  };
}
