// SPDX-License-Identifier: MIT
/**
 * A QEMU (TCG, one processor) as a Machine, as far as the agent needs one. It runs in real time and cannot be stopped
 * at an instruction. Its clock is therefore the host's, and a stop at a marker means that the marker was seen. The
 * marker ports are those of a serial port, which sends the low byte of each kind. The other bytes of the write go to
 * its control registers, where our markers enable nothing. (A marker whose first word has bit 4 set is lost: that bit
 * is the loopback of the modem control register. No marker that is awaited here has it.)
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFifos } from '../../../emulator/engines/qemu/host-node/fifos.js';
import { openLine } from '../../../emulator/engines/qemu/host-node/lines.js';
import type { Machine, MarkerSeen, RunReport, RunRequest, StopReason } from '../../../emulator/machine/contract.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { MARKER_PORT_KERNEL, MARKER_PORT_USER } from '../../../emulator/machine/markers.js';
import { concat } from '../../../emulator/machine/bytes.js';
import { openStates } from './states.js';

export const QEMU = 'qemu-system-i386';

export interface QemuConfig {
  readonly memoryMiB: number;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly cmdline: string;
  /** Raw images, which the guest writes to. */
  readonly diskPaths: readonly string[];
  readonly wallClockMs: number;
  /** A folder for the sockets and FIFOs of only this machine. */
  readonly dir: string;
  /** A state that `saveState` wrote. `resumeState` continues from it. */
  readonly statePath?: string;
  readonly signal: AbortSignal;
}

export interface QemuMachine extends Machine {
  /** Host time at which the process was started (`performance.now`). */
  readonly startedMs: number;
  /** Host time at which a marker was first seen. @throws RigError when it was not. */
  seenMs(kind: number): number;
  hasSeen(kind: number): boolean;
  /** Resolves when the console shows `text`. */
  consoleShows(text: string): Promise<void>;
  /** Loads the state of `statePath` and continues the guest. */
  resumeState(): Promise<void>;
  /** Stops the guest at once. */
  stop(): Promise<void>;
  /** Writes the state of the stopped machine, without its disks, and ends it. */
  saveState(path: string): Promise<void>;
  /** Processor time of the process so far. */
  cpuMs(): number;
}

/** The last line that the kernel prints. */
const HALTED = /reboot: (System halted|Power down)/;
const CONSOLE_TAIL_BYTES = 4000;
const CONSOLE_MS_MAX = 60_000;
/** Interrupt lines of the serial ports at the marker ports, which never use them. */
const MARKER_IRQS = { user: 5, kernel: 7 } as const;

export async function startQemu(config: QemuConfig): Promise<QemuMachine> {
  config.signal.throwIfAborted();
  let wake = (): void => undefined;
  const output: Record<'console' | 'agent', Uint8Array[]> = { console: [], agent: [] };
  let markers: MarkerSeen[] = [];
  const firstSeenMs = new Map<number, number>();
  let consoleTail = '';
  let halted = false;
  let startedMs = performance.now();

  const onMarkers =
    (kinds: number) =>
    (bytes: Uint8Array): void => {
      for (const low of bytes) {
        const kind = kinds | low;
        if (!firstSeenMs.has(kind)) firstSeenMs.set(kind, performance.now());
        markers.push({ kind, word0: 0, word1: 0, instruction: 0, virtualMs: performance.now() - startedMs });
      }
      wake();
    };
  const socketAt = (name: string): string => join(config.dir, `${name}.sock`);
  const paths: Paths = {
    console: socketAt('console'),
    agent: socketAt('agent'),
    user: socketAt('user'),
    kernel: socketAt('kernel'),
    monitor: socketAt('monitor'),
  };
  const lines = {
    // What is printed is lost when it is not taken in time.
    console: await openFifos(paths.console, (bytes) => {
      output.console.push(bytes);
      consoleTail = (consoleTail + Buffer.from(bytes).toString('latin1')).slice(-CONSOLE_TAIL_BYTES);
      halted ||= HALTED.test(consoleTail);
      wake();
    }),
    agent: await openLine(paths.agent, (bytes) => {
      output.agent.push(bytes);
      wake();
    }),
    user: await openLine(paths.user, onMarkers(0x2000)),
    kernel: await openLine(paths.kernel, onMarkers(0x1000)),
  };
  const states = await openStates(paths.monitor);

  startedMs = performance.now();
  const process = spawn(QEMU, argumentsOf(config, paths), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = watchExit(process, config.signal);
  let gone = false;
  void exited.then(() => {
    gone = true;
    wake();
  });

  const why = (request: RunRequest): StopReason | undefined => {
    const { untilByte, triggers = [] } = request;
    for (const [index, { when }] of triggers.entries()) {
      if (when.on !== 'marker') continue;
      const passed = markers.flatMap(({ kind }, at) => (kind === when.kind ? [at] : []));
      if (passed.length >= (when.nth ?? 1)) return { why: 'trigger', index };
    }
    if (untilByte && untilByte.channel === 'agent' && output.agent.some((bytes) => bytes.includes(untilByte.byte)))
      return { why: 'byte' };
    if (halted) return { why: 'halted' };
    if (gone) return { why: 'reset' };
    return undefined;
  };

  const run = async (request: RunRequest): Promise<RunReport> => {
    for (const { bytes } of request.send ?? []) lines.agent.send(bytes);
    const begunMs = performance.now();
    const deadlineMs = begunMs + request.virtualMsMax;
    let reason = why(request);
    while (!reason) {
      config.signal.throwIfAborted();
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) reason = { why: 'timeout' };
      else {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        reason = why(request);
      }
    }
    const report: RunReport = {
      reason,
      console: concat(output.console.splice(0)),
      agent: concat(output.agent.splice(0)),
      markers,
      captures: [],
      writes: config.diskPaths.map(() => []),
      instructions: 0,
      virtualMs: performance.now() - startedMs,
      beginMs: begunMs - startedMs,
    };
    markers = [];
    return report;
  };

  const close = async (): Promise<void> => {
    process.kill('SIGKILL');
    await exited;
    for (const line of Object.values(lines)) line.close();
    states.close();
  };
  const unable = (): Promise<never> =>
    Promise.reject(new RigError('QEMU is only measured; it does not show its memory'));

  return {
    engine: 'qemu',
    startedMs,
    run,
    close,
    readMemory: unable,
    captureMemory: unable,
    readShare: unable,
    stateHash: unable,
    checkpoint: unable,
    seenMs(kind) {
      const ms = firstSeenMs.get(kind);
      if (ms === undefined)
        throw new RigError(`QEMU's guest did not send marker 0x${kind.toString(16)}\n${consoleTail}`);
      return ms;
    },
    hasSeen: (kind) => firstSeenMs.has(kind),
    async consoleShows(text) {
      for (const deadlineMs = performance.now() + CONSOLE_MS_MAX; !consoleTail.includes(text);) {
        config.signal.throwIfAborted();
        if (gone || performance.now() > deadlineMs)
          throw new RigError(`QEMU's guest did not show '${text}'\n${consoleTail}`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    async resumeState() {
      await orGone(states.loadState(config.statePath ?? ''), exited);
    },
    stop: () => orGone(states.stop(), exited),
    async saveState(path) {
      await orGone(states.saveState(path), exited);
      await close();
    },
    cpuMs: () => (process.pid === undefined ? 0 : cpuMsOf(process.pid)),
  };
}

/** The sockets of a machine, and the FIFOs of its console (see fifos.ts). */
type Paths = Readonly<Record<'console' | 'agent' | 'user' | 'kernel' | 'monitor', string>>;

function argumentsOf(config: QemuConfig, paths: Paths): readonly string[] {
  const { memoryMiB, kernelPath, initrdPath, cmdline, diskPaths, wallClockMs, statePath } = config;
  const chardev = (name: keyof Paths): readonly string[] => ['-chardev', `socket,id=${name},path=${paths[name]}`];
  const markerPort = (name: 'user' | 'kernel', base: number, index: number): readonly string[] => [
    ...chardev(name),
    '-device',
    `isa-serial,iobase=0x${base.toString(16)},irq=${MARKER_IRQS[name]},index=${index},chardev=${name}`,
  ];
  return [
    ...[
      '-machine',
      'pc,acpi=off,hpet=off',
      '-accel',
      'tcg',
      '-smp',
      '1',
      '-m',
      `${memoryMiB}M`,
      '-nodefaults',
      '-no-user-config',
    ],
    ...[
      '-display',
      'none',
      '-vga',
      'none',
      '-no-reboot',
      '-rtc',
      `base=${new Date(wallClockMs).toISOString().slice(0, 19)}`,
    ],
    ...['-kernel', kernelPath, '-initrd', initrdPath, '-append', cmdline],
    // Completed writes are in the host's page cache, so that nothing waits for its disk.
    ...diskPaths.flatMap((path, index) => ['-drive', `file=${path},format=raw,if=ide,index=${index},cache=unsafe`]),
    ...['-chardev', `pipe,id=console,path=${paths.console}`],
    ...['-serial', 'chardev:console'],
    ...chardev('agent'),
    ...['-serial', 'chardev:agent'],
    ...markerPort('user', MARKER_PORT_USER, 2),
    ...markerPort('kernel', MARKER_PORT_KERNEL, 3),
    ...chardev('monitor'),
    ...['-mon', 'chardev=monitor,mode=control'],
    ...(statePath === undefined ? [] : ['-incoming', 'defer']),
  ];
}

/** Describes the end of the process, with its error output. Never rejects. */
function watchExit(process: ChildProcess, signal: AbortSignal): Promise<string> {
  const kill = (): void => void process.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  let complaint = '';
  process.stderr?.on('data', (bytes: Buffer) => (complaint += bytes.toString()));
  return new Promise((resolve) => {
    process.once('error', (error) => resolve(error.message));
    process.once('close', (status, killedBy) => {
      signal.removeEventListener('abort', kill);
      resolve(`${killedBy ?? `status ${String(status)}`} ${complaint.trim()}`);
    });
  });
}

function orGone<T>(wanted: Promise<T>, exited: Promise<string>): Promise<T> {
  return Promise.race([
    wanted,
    exited.then((how) => {
      throw new RigError(`${QEMU} ended (${how})`);
    }),
  ]);
}

/** User and system time of a process, from /proc; there are 100 ticks per second on every current Linux. */
function cpuMsOf(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ');
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
