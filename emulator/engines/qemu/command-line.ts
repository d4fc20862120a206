// SPDX-License-Identifier: MIT
/** The command line of QEMU for a machine. */
import type { DiskBus, MachineConfig } from '../../machine/contract.js';
import { DELIVERY_WINDOW } from '../../machine/delivery.js';
import { MARKER_PORT_PVPANIC } from '../../machine/markers.js';

export const QEMU_PROGRAM = 'qemu-system-x86_64';
/** The place of the delivery's window on the PCI bus. */
export const WINDOW_SLOT = 0x1e;

/** Files and sockets of one machine. */
export interface MachinePaths {
  readonly kernel: string;
  readonly initrd?: string;
  readonly monitor: string;
  /** For changes of the guest's memory. */
  readonly memory: string;
  /** Of two FIFOs, whose names have the ends `.in` and `.out`. */
  readonly console: string;
  readonly agent: string;
  /** Of the delivery's window; of its full length. */
  readonly window: string;
  /** One for each disk. */
  readonly disks: readonly string[];
  /** Of a drive that the guest does not have (see flushes.ts). */
  readonly stops: string;
}

export interface QemuMachineConfig extends MachineConfig {
  /** The disks are attached in the reverse order, so the guest's kernel finds the last one first. Default: no. */
  readonly disksReversed?: boolean;
  /** The machine waits for the state of a checkpoint. Default: it is at power-on. */
  readonly isRestored?: boolean;
}

/**
 * The arguments of {@link QEMU_PROGRAM}. The machine waits for `cont` before its first instruction. QEMU connects to the
 * sockets as a client, so something must listen at each when it starts.
 */
export function argumentsOf(config: QemuMachineConfig, paths: MachinePaths): readonly string[] {
  const { memoryMiB, highMemoryMiB = 0, processors = 1, nodes = 1, cmdline, wallClockMs } = config;
  const board = [
    'pc',
    ...(nodes === 1 ? ['memory-backend=ram'] : []),
    'usb=off',
    'vmport=off',
    ...(highMemoryMiB === 0 ? [] : [`max-ram-below-4g=${memoryMiB - highMemoryMiB}M`]),
  ];
  const socket = (id: string, path: string): readonly string[] => ['-chardev', `socket,id=${id},path=${comma(path)}`];
  return [
    // Nothing that the rig does not name: no user's configuration, no default devices.
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none'],
    ...['-machine', board.join(','), '-accel', 'tcg'],
    // Without a source of random numbers, the first program that wants some (mkfs, for instance) waits for 15 s or more.
    ...['-cpu', 'qemu64,+rdrand', '-seed', String(config.seed)],
    // Processors of one socket cannot be of several nodes.
    ...['-smp', nodes === 1 ? String(processors) : `${processors},sockets=${processors}`, '-m', `${memoryMiB}M`],
    ...memoryOf(config),
    ...['-kernel', paths.kernel, ...(paths.initrd === undefined ? [] : ['-initrd', paths.initrd])],
    ...['-append', [cmdline, ...serialNumbers(config)].join(' ')],
    // The real-time clock stands still with the machine.
    ...['-rtc', `base=${new Date(wallClockMs).toISOString().slice(0, 19)},clock=vm`],
    ...(config.isRestored === true ? ['-incoming', 'defer'] : []),
    ...['-S', '-action', 'panic=pause,reboot=shutdown,shutdown=pause'],
    ...['-device', `pvpanic,ioport=0x${MARKER_PORT_PVPANIC.toString(16)}`],
    ...socket('monitor', paths.monitor),
    ...['-mon', 'chardev=monitor,mode=control'],
    // It must have this name.
    ...socket('qtest', paths.memory),
    ...['-qtest', 'chardev:qtest', '-qtest-log', 'none'],
    // What is printed is lost when it is not taken in time (see fifos.ts).
    ...['-chardev', `pipe,id=console,path=${comma(paths.console)}`],
    ...['-device', 'isa-serial,chardev=console,index=0'],
    ...socket('agent', paths.agent),
    ...['-device', 'isa-serial,chardev=agent,index=1'],
    '-object',
    `memory-backend-file,id=window,mem-path=${comma(paths.window)},size=${DELIVERY_WINDOW.lengthBytes},share=on`,
    // Only a master can be in a checkpoint.
    ...['-device', `ivshmem-plain,memdev=window,addr=${WINDOW_SLOT.toString(16)},master=on`],
    // QEMU flushes drives in the order in which they were made, and this one is made before all devices.
    ...['-drive', `if=none,id=stops,driver=nbd,server.type=unix,server.path=${comma(paths.stops)}`],
    ...paths.disks.flatMap((path, index) => [
      '-blockdev',
      JSON.stringify({ driver: 'nbd', 'node-name': `disk${index}`, server: { type: 'unix', path } }),
    ]),
    ...devicesOf(config),
  ];
}

/** The disks in the order in which they are attached. */
function inOrder({ disks, disksReversed = false }: QemuMachineConfig): readonly number[] {
  return disksReversed ? [...disks.keys()].reverse() : [...disks.keys()];
}

const serialNumber = (disk: number): string => `snapback${disk}`;

/**
 * Tells the guest which disk is the first one. The kernel names disks in the order in which it happens to find them, and
 * several processors look for them at once.
 */
const serialNumbers = ({ disks }: MachineConfig): readonly string[] =>
  disks.length === 0 ? [] : [`rig.disks=${[...disks.keys()].map(serialNumber).join(',')}`];

/** The adapter that disks of a bus are connected to, if the board has none, and the device of the disk at a place of it. */
const BUSES: Readonly<
  Record<DiskBus, { readonly adapter?: string; readonly device: string; readonly at?: (place: number) => string }>
> = {
  ide: { device: 'ide-hd', at: (place) => `bus=ide.0,unit=${place}` },
  ahci: { adapter: 'ahci,id=ahci', device: 'ide-hd', at: (place) => `bus=ahci.${place}` },
  'virtio-blk': { device: 'virtio-blk-pci' },
  'virtio-scsi': {
    adapter: 'virtio-scsi-pci,id=scsi',
    device: 'scsi-hd',
    at: (place) => `bus=scsi.0,scsi-id=${place},lun=0`,
  },
  nvme: { device: 'nvme' },
};

function devicesOf(config: QemuMachineConfig): readonly string[] {
  const { adapter, device, at } = BUSES[config.diskBus ?? 'ide'];
  const disks = inOrder(config).map((disk, place) =>
    [
      device,
      `drive=disk${disk}`,
      `serial=${serialNumber(disk)}`,
      ...(at === undefined ? [] : [at(place)]),
      // Without a cache, a write that the guest has seen completed is on the disk.
      `write-cache=${config.volatileCaches === true ? 'on' : 'off'}`,
      // NVMe reports errors anyway.
      ...(device === 'nvme' ? [] : ['rerror=report', 'werror=report']),
    ].join(','),
  );
  return [...(adapter === undefined || disks.length === 0 ? [] : [adapter]), ...disks].flatMap((one) => [
    '-device',
    one,
  ]);
}

/** Memory that the rig can read while the machine stands still, and after its end. A block of it for each NUMA node. */
function memoryOf({ memoryMiB, processors = 1, nodes = 1 }: MachineConfig): readonly string[] {
  const block = (id: string): readonly string[] => [
    '-object',
    `memory-backend-memfd,id=${id},size=${memoryMiB / nodes}M,share=on`,
  ];
  if (nodes === 1) return block('ram');
  return Array.from({ length: nodes }, (_, node) => {
    const first = Math.floor((node * processors) / nodes);
    const last = Math.floor(((node + 1) * processors) / nodes) - 1;
    return [...block(`ram${node}`), '-numa', `node,nodeid=${node},memdev=ram${node},cpus=${first}-${last}`];
  }).flat();
}

/** In QEMU's options, a comma within a value is written twice. */
const comma = (path: string): string => path.replaceAll(',', ',,');
