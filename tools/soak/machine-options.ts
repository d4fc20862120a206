// SPDX-License-Identifier: MIT
/** The machine of a soak: what its command line asks of it, and the words for that. */
import {
  ARCHITECTURES,
  FREEZE_ORDERS,
  KERNEL_FLAVOURS,
  type Architecture,
  type Plan,
} from '../../emulator/cycle/plan.js';
import { ENGINES, type EngineName } from '../../emulator/engines/names.js';
import { DISK_BUSES, type DiskBus } from '../../emulator/machine/contract.js';
import { InputError } from '../../emulator/machine/errors.js';
import { mebibytes, type MachineOverrides } from '../../emulator/scenario/schema.js';
import { quoted } from '../run/own-command.js';

export interface SoakMachine extends MachineOverrides {
  readonly kernel?: string;
  /** Words for the kernel command line, besides those of the scenario. */
  readonly cmdline?: string;
}

/** The option of each, without its dashes. */
const OPTIONS = {
  engine: 'engine',
  arch: 'arch',
  processors: 'processors',
  memoryMiB: 'memory',
  diskBus: 'disk-bus',
  kernel: 'kernel',
  cmdline: 'cmdline',
  freezeOrder: 'freeze-order',
} as const satisfies Readonly<Record<keyof SoakMachine, string>>;

export type MachineValues = Readonly<Partial<Record<(typeof OPTIONS)[keyof SoakMachine], string>>>;
export const MACHINE_OPTIONS = Object.values(OPTIONS);

export const MACHINE_HELP = `  --engine E             v86 or qemu (each scenario's own unless told); qemu runs the kernel for x86_64
  --arch A               of the kernel: i386 or x86_64
  --processors N         how many (qemu)
  --memory SIZE          RAM, such as '512 MiB'
  --disk-bus BUS         of the disks: ${DISK_BUSES.join(', ')} (qemu)
  --kernel K             ${KERNEL_FLAVOURS.join(', ')}, or a folder with a kernel of your own
  --cmdline WORDS        added to the kernel command line
  --freeze-order ORDER   of snapshot(2): tasks-first or filesystems-first`;

/** @throws InputError for values that no machine has. */
export function machineOf(values: MachineValues): SoakMachine {
  const engine = oneOf('engine', values.engine, Object.keys(ENGINES) as readonly EngineName[]);
  const arch = oneOf<Architecture>('arch', values.arch, ARCHITECTURES);
  const diskBus = oneOf<DiskBus>('disk-bus', values['disk-bus'], DISK_BUSES);
  const freezeOrder = oneOf('freeze-order', values['freeze-order'], FREEZE_ORDERS);
  const memoryMiB = values.memory === undefined ? undefined : mebibytes(values.memory);
  if (values.memory !== undefined && memoryMiB === undefined)
    throw wrongValue('memory', "a size such as '512 MiB'", values.memory);
  const { processors, kernel, cmdline } = values;
  if (processors !== undefined && !/^[1-8]$/.test(processors))
    throw wrongValue('processors', 'a number from 1 to 8', processors);
  return {
    ...(engine !== undefined && { engine }),
    ...(arch !== undefined && { arch }),
    ...(processors !== undefined && { processors: Number(processors) }),
    ...(memoryMiB !== undefined && { memoryMiB }),
    ...(diskBus !== undefined && { diskBus }),
    ...(kernel !== undefined && { kernel }),
    ...(cmdline !== undefined && { cmdline }),
    ...(freezeOrder !== undefined && { freezeOrder }),
  };
}

/** The options that ask for this machine, each after a space. */
export function wordsOf(machine: SoakMachine): string {
  return (Object.keys(OPTIONS) as (keyof SoakMachine)[])
    .flatMap((key) => {
      const value = machine[key];
      if (value === undefined) return [];
      return [` --${OPTIONS[key]} ${quoted(key === 'memoryMiB' ? `${value} MiB` : String(value))}`];
    })
    .join('');
}

/** The plan with what of the machine is not an override of a scenario: words of the command line. */
export function planOn(plan: Plan, { cmdline }: SoakMachine): Plan {
  const words = cmdline?.split(/\s+/).filter((word) => word !== '') ?? [];
  return { ...plan, machine: { ...plan.machine, cmdline: [...plan.machine.cmdline, ...words] } };
}

function oneOf<T extends string>(option: string, given: string | undefined, all: readonly T[]): T | undefined {
  if (given === undefined) return undefined;
  const found = all.find((one) => one === given);
  if (found === undefined) throw wrongValue(option, all.join(' or '), given);
  return found;
}

const wrongValue = (option: string, wants: string, given: string): InputError =>
  new InputError(`--${option} is ${wants}, not '${given}'`, { remedy: 'npm run soak -- --help shows how' });
