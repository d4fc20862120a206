// SPDX-License-Identifier: MIT
/** What a machine has outside of this process, and its lines to there: the process, its sockets, its disks, its RAM. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../../host/node/temporary.js';
import type { Channel, MachineConfig } from '../../../machine/contract.js';
import { isSnapbackError, RigError } from '../../../machine/errors.js';
import type { SavedMachine } from '../checkpoint.js';
import { argumentsOf, QEMU_PROGRAM, type MachinePaths } from '../command-line.js';
import { openDisk, openUnusedDisk, type ServedDisk, type ServedDiskEvents } from './disk.js';
import { openFifos } from './fifos.js';
import { openLine, type Line } from './lines.js';
import { openMemoryPort, type MemoryPort } from './memory-port.js';
import { loadDevices, saveDevices, type SavedDevices } from './migration.js';
import { openMonitor, type Monitor, type MonitorEvent } from './monitor.js';
import { startProcess } from './process.js';
import { openRam, type Ram } from './ram.js';
import { createWindow, type Window } from './window.js';

export interface Parts {
  readonly monitor: Monitor;
  readonly serial: Readonly<Record<Channel, Line>>;
  readonly ram: Ram;
  readonly memory: MemoryPort;
  readonly window: Window;
  readonly disks: readonly ServedDisk[];
  /** The state of processors and devices. The machine must stand, and can run on. @throws RigError when QEMU cannot. */
  saveDevices(): Promise<SavedDevices>;
  /** Ends the process. RAM can still be read. */
  end(): Promise<void>;
}

export interface PartsEvents {
  readonly onEvent: (event: MonitorEvent) => void;
  readonly onOutput: (channel: Channel, bytes: Uint8Array) => void;
  /** The process has ended; `how` is for people. Returns the error with which commands fail from now on. */
  readonly onEnd: (how: string) => Error;
  /** A disk cannot be served any more. */
  readonly onDiskError: (error: Error) => void;
  readonly diskEvents: (disk: number) => ServedDiskEvents;
  /** QEMU is about to flush all disks, because it has stopped the machine. */
  readonly onStopFlush: () => void;
}

/** What a restored machine has outside of this process when it begins. */
export type PartsBefore = Pick<SavedMachine, 'memory' | 'disks' | 'window'> & SavedDevices;

/**
 * Starts the process of a machine, which waits for `cont`. `stallMs`: real time within which QEMU must answer.
 * @throws RigError when QEMU does not start, or does not take the state of a machine before. Nothing is left of it then.
 */
export async function startParts(
  config: MachineConfig,
  stallMs: number,
  events: PartsEvents,
  before?: PartsBefore,
): Promise<Parts> {
  const folder = await makeTemporaryFolder('snapback-qemu-');
  const paths = pathsIn(folder, config);
  const devicesPath = join(folder, 'devices');
  const toClose: { close(): void }[] = [];
  const closeAll = (): void => toClose.forEach((one) => one.close());
  const opened = async <T extends { close(): void }>(one: Promise<T>): Promise<T> => {
    toClose.push(await one);
    return one;
  };
  const prepare = async (): Promise<Pick<Parts, 'monitor' | 'memory' | 'serial' | 'window' | 'disks'>> => {
    const monitor = await opened(openMonitor(paths.monitor, stallMs, events.onEvent));
    const memory = await opened(openMemoryPort(paths.memory, stallMs));
    const console = await opened(openFifos(paths.console, (bytes) => events.onOutput('console', bytes)));
    const agent = await opened(openLine(paths.agent, (bytes) => events.onOutput('agent', bytes)));
    const disks: ServedDisk[] = [];
    for (const [number, disk] of config.disks.entries())
      disks.push(
        await opened(
          openDisk(
            paths.disks[number] ?? '',
            disk,
            config.volatileCaches === true,
            events.diskEvents(number),
            events.onDiskError,
          ),
        ),
      );
    await opened(openUnusedDisk(paths.stops, events.onStopFlush, events.onDiskError));
    const window = await opened(createWindow(paths.window));
    if (before) {
      before.disks.forEach((disk, number) => disks[number]?.load(disk));
      await window.load(before.window);
    }
    await writeFile(paths.kernel, config.kernel);
    if (config.initrd && paths.initrd !== undefined) await writeFile(paths.initrd, config.initrd);
    return { monitor, memory, serial: { console, agent }, window, disks };
  };
  const prepared = await prepare().catch(async (error: unknown) => {
    closeAll();
    await rm(folder, { recursive: true, force: true });
    throw isSnapbackError(error) ? error : unprepared(folder, error);
  });
  const { monitor, memory } = prepared;
  const process = startProcess(
    QEMU_PROGRAM,
    argumentsOf({ ...config, isRestored: before !== undefined }, paths),
    folder,
  );
  void process.ended.then((how) => {
    const failure = events.onEnd(how);
    monitor.fail(failure);
    memory.fail(failure);
  });
  const end = async (): Promise<void> => {
    process.kill();
    await process.ended;
    closeAll();
  };
  try {
    await monitor.ready();
    const ram = await openRam(await process.pid, config);
    if (before) {
      await ram.fill(before.memory);
      await loadDevices({ monitor, memory, path: devicesPath, msMax: stallMs }, before);
    }
    return { ...prepared, ram, saveDevices: () => saveDevices({ monitor, path: devicesPath, msMax: stallMs }), end };
  } catch (error) {
    await end();
    throw error;
  }
}

const unprepared = (folder: string, cause: unknown): RigError =>
  new RigError(`cannot prepare a machine in ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
    remedy: 'make room there, or name another folder for temporary files with TMPDIR',
  });

function pathsIn(folder: string, { initrd, disks }: MachineConfig): MachinePaths {
  const at = (name: string): string => join(folder, name);
  return {
    kernel: at('kernel'),
    ...(initrd && { initrd: at('initrd') }),
    monitor: at('monitor'),
    memory: at('memory'),
    console: at('console'),
    agent: at('agent'),
    window: at('window'),
    disks: disks.map((_, number) => at(`disk${number}`)),
    stops: at('stops'),
  };
}
