// SPDX-License-Identifier: MIT
/** Reads the files of a machine into memory, from the cache or after building them. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  loadDiskImage,
  withDiskImage,
  obtainDisk,
  obtainInitramfs,
  type VolumePlace,
} from '../../disk-images/build.js';
import type { KernelArch } from '../../guest-kernel/build.js';
import { obtainKernel, type KernelArtifact } from '../../guest-kernel/obtain.js';
import { readOwnKernel } from '../../guest-kernel/own.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { hashFile } from '../../emulator/host/node/artifacts/store.js';
import { ENGINES, type EngineName } from '../../emulator/engines/names.js';
import { qemuVersion } from '../../emulator/engines/qemu/host-node/engine.js';
import { isFlavour, type MachineOptions } from '../../emulator/cycle/plan.js';
import { SNAPSHOT_CMDLINE, STORE_VOLUME } from '../../emulator/cycle/sys-snapshot.js';
import type { MachineConfig, ShareEntry } from '../../emulator/machine/contract.js';
import { InputError, RigError } from '../../emulator/machine/errors.js';
import { volumes, type Volume } from '../../emulator/verify/disk/partitions.js';

/** A disk image and its SHA-256 (hex). */
export interface DiskImage {
  readonly path: string;
  readonly sha256: string;
  /** Why it is not made from the packages that the lock names, if so. */
  readonly deviations?: readonly string[];
  readonly volumes?: readonly VolumePlace[];
}

/** What is known of a machine before its files are in memory. */
export interface MachineFacts {
  readonly kernel: KernelArtifact;
  /** sda first. */
  readonly disks: readonly DiskImage[];
  /** SHA-256 (hex) by name of everything that determines the machine. */
  readonly hashes: Readonly<Record<string, string>>;
  /** A key for engine, config and contents. */
  readonly configKey: string;
  /** Notes on the files for readers of the report. */
  readonly notes: readonly string[];
  /** Commands that the guest must run at each boot, among them those that set up the devices of the disks' recipes. */
  readonly bootCommands: readonly string[];
}

export interface MachineFiles extends MachineFacts {
  readonly config: MachineConfig;
  readonly systemMap: string;
}

/** Written by Debian's package seabios. */
const BIOS_DIR = '/usr/share/seabios';

/**
 * Kernel command line of every machine. `noresume` leaves the decision to the initramfs, which overrides it
 * by writing to /sys/power/resume.
 */
export const CMDLINE: readonly string[] = [
  'console=ttyS0',
  'mitigations=off',
  'noresume',
  'hibernate=nocompress',
  'no_console_suspend',
  // A processor that has oopsed with interrupts off is never heard of again, and a step would wait for it to its end.
  'oops=panic',
  'panic=-1',
];

/** Where stock hibernation puts its image, unless a scenario says otherwise. */
const SWAP_VOLUME = 'sdb2';

const CMDLINE_BY_ENGINE: Readonly<Record<EngineName, readonly string[]>> = {
  // The PIT watchdog would mark the TSC as unstable after some seconds of guest time, because the two are read in
  // different ticks.
  v86: ['tsc=nowatchdog'],
  // On a busy host the kernel measures a wrong rate of the TSC, and its time passes several times too fast.
  // The guest's time is the host's, so it waits longer for its disks.
  qemu: ['tsc=unstable', 'clocksource=hpet', 'rig.wait=60000'],
};

/**
 * Where time is the host's, a busy host makes a slow guest. Its tasks may need longer to freeze than the kernel's 20 s, its disks
 * longer to answer than its 30 s, and stock hibernation, which freezes no filesystem, longer to save an image than the 30 s after
 * which the kernel writes what is dirty. The host must not decide about the result.
 */
const PATIENT_KERNEL: readonly string[] = [
  'echo 300000 > /sys/power/pm_freeze_timeout',
  'for timeout in /sys/block/*/queue/io_timeout; do [ ! -e "$timeout" ] || echo 450000 > "$timeout"; done',
  'echo 45000 > /proc/sys/vm/dirty_expire_centisecs',
];

/** Makes a kernel with page poisoning, such as the debug flavour, check the contents of free pages. */
const CMDLINE_POISONING: readonly string[] = ['page_poison=1'];

/** @throws RigError when something cannot be built, InputError when a disk image cannot be a disk. */
export async function obtainMachineFiles(
  machine: MachineOptions,
  disks: readonly string[],
  context: BuildContext,
): Promise<MachineFiles> {
  const { facts, settings, bios, vgaBios, initramfsPath } = await settle(machine, disks, context);
  const contents = await Promise.all(facts.disks.map(({ path }) => loadDiskImage(path)));
  return {
    ...facts,
    config: {
      ...settings,
      bios,
      vgaBios,
      kernel: await readFile(facts.kernel.bzImagePath),
      initrd: await readFile(initramfsPath),
      disks: contents.map((base) => ({ base })),
    },
    systemMap: await readFile(facts.kernel.systemMapPath, 'utf8'),
  };
}

/** The same without its files, of which a matrix has more than fit into memory. What is missing is built. @throws likewise. */
export const obtainMachineFacts = async (
  machine: MachineOptions,
  disks: readonly string[],
  context: BuildContext,
): Promise<MachineFacts> => (await settle(machine, disks, context)).facts;

type Settings = Omit<MachineConfig, 'bios' | 'vgaBios' | 'kernel' | 'initrd' | 'disks'>;

interface Settled {
  readonly facts: MachineFacts;
  readonly settings: Settings;
  readonly bios: Uint8Array;
  readonly vgaBios: Uint8Array;
  readonly initramfsPath: string;
}

async function settle(machine: MachineOptions, disks: readonly string[], context: BuildContext): Promise<Settled> {
  const kernel = await (isFlavour(machine.kernel)
    ? obtainKernel(machine.kernel, context, machine.arch)
    : readOwnKernel(machine.kernel, machine.arch));
  const initramfs = await obtainInitramfs(context, machine.arch);
  const images: DiskImage[] = [];
  for (const disk of disks) images.push(await obtainImage(disk, machine.arch, context));
  const [bios, vgaBios] = await Promise.all([readBios('bios.bin'), readBios('vgabios-stdvga.bin')]);
  const there = images.flatMap(({ path }, disk) => withDiskImage(path, (image) => volumes(image, diskName(disk))));
  const settings: Settings = {
    memoryMiB: machine.memoryMiB,
    ...(machine.highMemoryMiB !== undefined && { highMemoryMiB: machine.highMemoryMiB }),
    processors: machine.processors,
    ...(machine.nodes !== undefined && { nodes: machine.nodes }),
    cmdline: [
      ...CMDLINE,
      ...resumeWords(there),
      ...CMDLINE_BY_ENGINE[machine.engine],
      ...((await poisonsPages(kernel)) ? CMDLINE_POISONING : []),
      // A boot stops where a device is named that is not there.
      ...machine.cmdline.filter((word) => word !== SNAPSHOT_CMDLINE || there.some(isVolume(STORE_VOLUME))),
    ].join(' '),
    diskBus: machine.diskBus,
    ...(machine.volatileCaches && { volatileCaches: true }),
    seed: machine.seed,
    wallClockMs: machine.wallClockMs,
  };
  const hashes: Record<string, string> = {
    // QEMU brings its own firmware.
    ...(machine.engine === 'v86' && { bios: sha256(bios), vgaBios: sha256(vgaBios) }),
    kernel: kernel.sha256,
    initramfs: initramfs.sha256,
    engine: await engineHash(machine.engine, context),
  };
  for (const [index, { sha256: hash }] of images.entries()) hashes[`disk ${disks[index] ?? index}`] = hash;
  const notes = images.flatMap(({ deviations = [] }, index) =>
    deviations.map((why) => `disk ${disks[index] ?? index}: ${why}`),
  );
  const facts: MachineFacts = {
    kernel,
    disks: images,
    hashes,
    configKey: keyOf(Object.entries(hashes), settings),
    notes,
    bootCommands: [
      ...(machine.freezeOrder === undefined ? [] : [`echo ${machine.freezeOrder} > /sys/kernel/snapshot/freeze_order`]),
      ...(ENGINES[machine.engine].ownTime ? [] : PATIENT_KERNEL),
      ...images.flatMap(({ volumes = [] }, index) => mapperCommands(volumes, index)),
    ],
  };
  return { facts, settings, bios, vgaBios, initramfsPath: initramfs.path };
}

/** `files` for a machine with a share of `entries`, if there is one. Such a machine has checkpoints of its own. */
export function withShare(files: MachineFiles, entries: readonly ShareEntry[] | undefined): MachineFiles {
  if (entries === undefined) return files;
  return { ...files, config: { ...files.config, share: entries }, configKey: keyWithShare(files, entries) };
}

/** A key for everything of a machine with a share of `entries`, if there is one. */
export function keyWithShare(
  { configKey }: Pick<MachineFacts, 'configKey'>,
  entries: readonly ShareEntry[] | undefined,
): string {
  if (entries === undefined) return configKey;
  const hash = createHash('sha256').update(configKey);
  for (const { bytes, ...entry } of entries)
    hash.update(`\0${JSON.stringify({ ...entry, bytes: bytes?.length })}\0`).update(bytes ?? '');
  return hash.digest('hex').slice(0, 32);
}

/** A key for everything of a machine except its disks and its share. */
export function keyWithoutDisks({ config, hashes }: Pick<MachineFiles, 'config' | 'hashes'>): string {
  const others = Object.entries(hashes).filter(([name]) => !name.startsWith('disk '));
  return keyOf(others, config);
}

function keyOf(hashes: readonly (readonly [string, string])[], config: Settings): string {
  const { memoryMiB, highMemoryMiB, processors, nodes, diskBus, volatileCaches, seed, wallClockMs, cmdline } = config;
  const machine = [memoryMiB, highMemoryMiB, processors, nodes, diskBus, volatileCaches, seed, wallClockMs, cmdline];
  return sha256(JSON.stringify([hashes, ...machine])).slice(0, 32);
}

/** `sda` for disk 0: how the guest names it in /dev, on every bus. */
const diskName = (disk: number): string => `sd${String.fromCharCode(0x61 + disk)}`;

const isVolume =
  (name: string) =>
  ({ device }: Volume): boolean =>
    device === name;

/** Where to look for an image in swap: in the usual place, or else in the first swap area. */
function resumeWords(there: readonly Volume[]): readonly string[] {
  const swap = there.find(isVolume(SWAP_VOLUME)) ?? there.find(({ filesystem }) => filesystem === 'swap');
  return swap === undefined ? [] : [`resume=/dev/${swap.device}`];
}

const poisonsPages = async ({ configPath }: KernelArtifact): Promise<boolean> =>
  /^CONFIG_PAGE_POISONING=y$/m.test(await readFile(configPath, 'utf8'));

/** The device that the initramfs makes of the whole first disk. */
const ROOT_MAPPED = 'root';
/** Stands for the volume's device in a recipe's tables. */
const VOLUME = /\bVOLUME\b/g;

/** Makes the device-mapper devices of a disk's volumes. */
export function mapperCommands(
  volumes: readonly Pick<VolumePlace, 'partitionNumber' | 'lengthSectors' | 'deviceMapper'>[],
  disk: number,
): readonly string[] {
  return volumes.flatMap(({ partitionNumber, lengthSectors, deviceMapper }) => {
    const device = `/dev/${diskName(disk)}${partitionNumber === 0 ? '' : partitionNumber}`;
    return deviceMapper
      .filter(({ name }) => !(disk === 0 && name === ROOT_MAPPED))
      .map(({ name, table = [`0 ${lengthSectors} linear VOLUME 0`] }) => {
        const lines = table.map((line) => `'${line.replaceAll(VOLUME, device)}'`).join(' ');
        // There is no udev in the guest.
        return `printf '%s\\n' ${lines} | DM_DISABLE_UDEV=1 dmsetup create ${name}`;
      });
  });
}

/** A file that ends in `.img` is an image as it is; anything else names a recipe. */
async function obtainImage(disk: string, arch: KernelArch, context: BuildContext): Promise<DiskImage> {
  if (!disk.endsWith('.img')) return obtainDisk(disk, context, arch);
  const hash = await hashFile(disk).catch((cause: unknown) => {
    throw new InputError(`cannot read the disk image ${disk}`, {
      cause,
      remedy: 'give the path of a file that is there',
    });
  });
  return { path: disk, sha256: hash };
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Identifies the code of an engine. A checkpoint fits only the code that made it. */
async function engineHash(engine: EngineName, { signal }: BuildContext): Promise<string> {
  if (engine === 'qemu') return sha256(`qemu ${await qemuVersion(signal)}`);
  const files = ['machine-worker.mjs', 'v86.wasm'].map((name) => hashFile(packagePath('dist', name)));
  return sha256((await Promise.all(files)).join('\n'));
}

async function readBios(name: string): Promise<Uint8Array> {
  try {
    return await readFile(`${BIOS_DIR}/${name}`);
  } catch (cause) {
    throw new RigError(`cannot read the machine's firmware ${BIOS_DIR}/${name}`, {
      cause,
      remedy: 'apt-get install seabios',
    });
  }
}
