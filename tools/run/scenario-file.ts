// SPDX-License-Identifier: MIT
/** Reads a scenario file and the files of the host that it names. */
import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import {
  EMPTY_SHARE,
  FLAVOUR_TRAITS,
  isFlavour,
  type MachineOptions,
  type Plan,
  type Step,
  type SuspendMethod,
} from '../../emulator/cycle/plan.js';
import type { ShareEntry } from '../../emulator/machine/contract.js';
import { InputError } from '../../emulator/machine/errors.js';
import {
  readScenario,
  takesSnapshots,
  type MachineOverrides,
  type Scenario,
  type ScenarioOverrides,
} from '../../emulator/scenario/schema.js';
import { renderIssues, type YamlIssue } from '../../emulator/yaml/index.js';
import { readHostFiles, readHostShare } from '../../emulator/host/node/host-files.js';
import { readTextFile } from '../../emulator/host/node/text-file.js';

export interface LoadedScenario {
  /** Its name as given by the user. */
  readonly file: string;
  readonly scenario: Scenario;
  readonly plan: Plan;
  /** Words for a command line that make its machine and steps of those of the file: ` --engine qemu`, or nothing. */
  readonly machineWords: string;
  /** Of its suspends, when somebody has asked for another one than the file's. */
  readonly method?: SuspendMethod;
  /** Of the file. */
  readonly text: string;
  /** The command line that repeats a run; by default that of its file. */
  readonly replay?: string;
  /** SHA-256 (hex) over the scenario's text, the values of its parameters, and the files that the guest gets from the host. */
  readonly sha256: string;
}

export interface Overrides extends ScenarioOverrides {
  readonly seed?: number;
  /** A flavour, or the path of a kernel folder from the working directory. */
  readonly kernel?: string;
}

/** A scenario is valid, but cannot be run with what was asked for. */
export class UnfitMachine extends InputError {
  /** What it needs, on one line. */
  readonly problems: string;
  constructor(file: string, overrides: ScenarioOverrides, issues: readonly YamlIssue[]) {
    super(
      `${file} cannot run ${choiceWords(overrides) === '' ? 'on the machine that was' : 'with what was'} asked for (${wordsOf(overrides).trim()})\n${renderIssues(issues)}`,
      { remedy: 'ask for something else, or run the scenario as it is' },
    );
    this.problems = issues.map(({ message }) => message).join('; ');
  }
}

/**
 * @throws InputError when the file cannot be read or is not valid, UnfitMachine when it cannot run on a machine with these
 *   overrides. The message names every bad place.
 */
export async function loadScenario(file: string, overrides: Overrides = {}): Promise<LoadedScenario> {
  let text: string;
  try {
    text = await readTextFile(file);
  } catch (cause) {
    throw new InputError(`cannot read the scenario ${file}`, {
      cause,
      remedy: 'give the path of a YAML file',
    });
  }
  return scenarioOfText(text, file, overrides);
}

/** The same for the text of a scenario that is in `file`, alone or with other things. @throws as {@link loadScenario}. */
export async function scenarioOfText(text: string, file: string, overrides: Overrides = {}): Promise<LoadedScenario> {
  const read = readScenario(text, file);
  if ('issues' in read) {
    throw new InputError(`${file} is not a valid scenario\n${renderIssues(read.issues)}`, {
      remedy: 'correct the places above; `snapback --help` shows an example',
    });
  }
  const asked = readScenario(text, file, overrides);
  if ('issues' in asked) throw new UnfitMachine(file, overrides, asked.issues);
  const disks = asked.scenario.disks.map((disk) => (/[./]/.test(disk) ? resolve(dirname(file), disk) : disk));
  const scenario = { ...asked.scenario, disks };
  const files = await readHostFiles(scenario.files, dirname(file));
  const { name, machine, steps, console, control } = scenario;
  const kernel = kernelPath(machine.kernel, file, overrides);
  checkBase(kernel, steps, file);
  const share = await readShare(machine.share, dirname(file));
  const hash = createHash('sha256').update(text);
  const { method } = overrides;
  if (method !== undefined) hash.update(`\0method ${method}\0`);
  for (const [name, value] of Object.entries(scenario.parameters ?? {})) hash.update(`\0parameter ${name} ${value}\0`);
  for (const { path, mode, bytes } of files) hash.update(`\0${path}\0${mode}\0${bytes.length}\0`).update(bytes);
  for (const { path, mode, bytes } of share ?? [])
    hash.update(`\0share ${path}\0${mode}\0${bytes?.length ?? ''}\0`).update(bytes ?? '');
  return {
    file,
    text,
    scenario,
    plan: {
      name,
      machine: {
        ...machine,
        kernel,
        ...(overrides.seed !== undefined && { seed: overrides.seed }),
      },
      files,
      ...(share && { share }),
      steps,
      ...(console && { console }),
      control,
    },
    machineWords: machineWords(overridesFor(text, file, read.scenario.machine, machine)) + choiceWords(overrides),
    ...(method !== undefined && { method }),
    sha256: hash.digest('hex'),
  };
}

/** The options of the command line that ask for these. */
const wordsOf = (overrides: ScenarioOverrides): string => machineWords(overrides) + choiceWords(overrides);

const choiceWords = ({ method, parameters = {} }: ScenarioOverrides): string =>
  [
    ...(method === undefined ? [] : [` --method ${method}`]),
    ...Object.entries(parameters).map(([name, value]) => ` --set ${name}=${value}`),
  ].join('');

function machineWords({ engine, arch, processors, memoryMiB, diskBus, freezeOrder }: MachineOverrides): string {
  return [
    ...(engine === undefined ? [] : [` --engine ${engine}`]),
    ...(arch === undefined ? [] : [` --arch ${arch}`]),
    ...(processors === undefined ? [] : [` --processors ${processors}`]),
    ...(memoryMiB === undefined ? [] : [` --memory '${memoryMiB} MiB'`]),
    ...(diskBus === undefined ? [] : [` --disk-bus ${diskBus}`]),
    ...(freezeOrder === undefined ? [] : [` --freeze-order ${freezeOrder}`]),
  ].join('');
}

/** What has to be asked for to get `machine` from the scenario in `text`, which has `own`. */
function overridesFor(text: string, file: string, own: MachineOptions, machine: MachineOptions): MachineOverrides {
  let overrides: MachineOverrides = {};
  let made = own;
  // In this order: the later ones follow from the earlier ones when they are not asked for.
  for (const key of ['engine', 'arch', 'processors', 'memoryMiB', 'diskBus', 'freezeOrder'] as const) {
    if (machine[key] === made[key]) continue;
    overrides = { ...overrides, [key]: machine[key] };
    const read = readScenario(text, file, overrides);
    made = 'issues' in read ? { ...made, [key]: machine[key] } : read.scenario.machine;
  }
  return overrides;
}

const readShare = (share: string | undefined, dir: string): Promise<readonly ShareEntry[] | undefined> =>
  share === undefined || share === EMPTY_SHARE
    ? Promise.resolve(share === undefined ? undefined : [])
    : readHostShare(share, dir);

/** @throws InputError when the scenario needs what a pristine kernel lacks. */
function checkBase(kernel: string, steps: readonly Step[], file: string): void {
  if (isFlavour(kernel) && FLAVOUR_TRAITS[kernel].base === 'pristine' && takesSnapshots(steps))
    throw new InputError(`${file} suspends by snapshot(2), which the kernel '${kernel}' does not have`, {
      remedy: 'ask for `--method swsusp`, in a matrix for `method: [swsusp]`, or for a kernel with the series',
    });
}

/** A path in a scenario is relative to its file, one on the command line to the working directory. */
function kernelPath(kernel: string, file: string, overrides: Overrides): string {
  const from = overrides.kernel === undefined ? dirname(file) : '.';
  const named = overrides.kernel ?? kernel;
  return isFlavour(named) ? named : resolve(from, named);
}
