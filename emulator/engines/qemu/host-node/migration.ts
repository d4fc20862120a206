// SPDX-License-Identifier: MIT
/**
 * Processors and devices of a machine as a stream, by QEMU's migration. RAM is left out of it, because its files are
 * shared with this process.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { RigError } from '../../../machine/errors.js';
import type { SavedMachine } from '../checkpoint.js';
import { WINDOW_SLOT } from '../command-line.js';
import type { MemoryPort } from './memory-port.js';
import type { Monitor } from './monitor.js';

const POLL_MS = 5;

export type SavedDevices = Pick<SavedMachine, 'devices' | 'windowAt'>;

interface Migration {
  readonly monitor: Monitor;
  /** Of a file for the stream. */
  readonly path: string;
  /** Real time within which QEMU must be done. */
  readonly msMax: number;
}

/**
 * The stream of a machine, which must stand. It can run on.
 * @throws RigError when QEMU cannot.
 */
export async function saveDevices({ monitor, path, msMax }: Migration): Promise<SavedDevices> {
  await leaveRamOut(monitor);
  await monitor.ask('migrate', { uri: `exec:cat > ${quoted(path)}` });
  await finished(monitor, msMax);
  const windowAt = windowIn((await monitor.ask('query-pci')) as readonly PciBus[]);
  return { devices: await readFile(path), ...(windowAt !== undefined && { windowAt }) };
}

/**
 * Gives the stream to a QEMU that was started with `-incoming defer`. RAM must be in place. The machine stands then.
 * @throws RigError when QEMU does not take it.
 */
export async function loadDevices(
  { monitor, memory, path, msMax }: Migration & { readonly memory: Pick<MemoryPort, 'out'> },
  { devices, windowAt }: SavedDevices,
): Promise<void> {
  await writeFile(path, devices);
  await leaveRamOut(monitor);
  if (windowAt !== undefined) await placeWindow(memory, windowAt);
  await monitor.ask('migrate-incoming', { uri: `exec:cat ${quoted(path)}` });
  await finished(monitor, msMax);
}

/** QEMU's answer about a bus, as far as it is read here. */
interface PciBus {
  readonly devices: readonly {
    readonly slot: number;
    readonly regions: readonly { readonly bar: number; readonly address: number }[];
  }[];
}

const WINDOW_BAR = 2;

/** Where the window lies, if anywhere. */
function windowIn(buses: readonly PciBus[]): number | undefined {
  const device = buses.flatMap(({ devices }) => devices).find(({ slot }) => slot === WINDOW_SLOT);
  const address = device?.regions.find(({ bar }) => bar === WINDOW_BAR)?.address;
  return address !== undefined && address > 0 && address < 2 ** 32 ? address : undefined;
}

/**
 * Puts the window where the saved machine has it. QEMU demands that all memory that is left out of the stream lies where it
 * lay, before it reads from the stream where its devices put it.
 */
async function placeWindow(memory: Pick<MemoryPort, 'out'>, address: number): Promise<void> {
  const [COMMAND, FIRST_BAR, DECODES_MEMORY] = [0x04, 0x10, 2];
  const set = async (register: number, value: number): Promise<void> => {
    await memory.out(0xcf8, (0x8000_0000 + (WINDOW_SLOT << 11) + register) >>> 0);
    await memory.out(0xcfc, value);
  };
  await set(FIRST_BAR + 4 * WINDOW_BAR, address);
  await set(FIRST_BAR + 4 * (WINDOW_BAR + 1), 0);
  await set(COMMAND, DECODES_MEMORY);
}

const leaveRamOut = (monitor: Monitor): Promise<unknown> =>
  monitor.ask('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] });

async function finished(monitor: Monitor, msMax: number): Promise<void> {
  const start = performance.now();
  for (;;) {
    const info = (await monitor.ask('query-migrate')) as { status?: string; 'error-desc'?: string };
    if (info.status === 'completed') return;
    const ended = info.status === 'failed' || info.status === 'cancelled';
    if (ended || performance.now() - start > msMax)
      throw new RigError(
        `QEMU could not move the state of a machine (${info['error-desc'] ?? info.status ?? 'nothing has begun'})`,
        { remedy: ended ? 'look for free room in the folder for temporary files' : 'give the host less to do' },
      );
    await sleep(POLL_MS);
  }
}

/** For a shell. */
const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;
