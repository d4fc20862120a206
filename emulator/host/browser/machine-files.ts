// SPDX-License-Identifier: MIT
/** The server's description of a machine, and the code by which the page loads it. */
import type { MachineConfig } from '../../machine/contract.js';
import { unpackSparse } from '../../disks/sparse.js';
import { RigError } from '../../machine/errors.js';

/** `machine.json`: a machine's config with URLs instead of bytes. */
export interface MachineDescription {
  readonly memoryMiB: number;
  readonly cmdline: string;
  readonly seed: number;
  readonly wallClockMs: number;
  readonly bios: string;
  readonly vgaBios: string;
  readonly kernel: string;
  readonly initrd?: string;
  /** Packed by `packSparse`. */
  readonly disks: readonly string[];
  /** Marker at which the page reports the machine's state. */
  readonly marker: number;
}

/**
 * Loads the description at `url` and all files that it names. `onFile` gets the name of each file before it is loaded.
 * @throws RigError when something cannot be loaded.
 */
export async function loadMachine(
  url: string,
  onFile: (name: string) => void,
): Promise<{ readonly config: MachineConfig; readonly marker: number }> {
  const description = JSON.parse(new TextDecoder().decode(await load(url))) as MachineDescription;
  const get = (name: string): Promise<Uint8Array> => {
    onFile(name);
    return load(name);
  };
  const { memoryMiB, cmdline, seed, wallClockMs, initrd, marker } = description;
  const config: MachineConfig = {
    memoryMiB,
    cmdline,
    seed,
    wallClockMs,
    bios: await get(description.bios),
    vgaBios: await get(description.vgaBios),
    kernel: await get(description.kernel),
    ...(initrd !== undefined && { initrd: await get(initrd) }),
    disks: await Promise.all(
      description.disks.map(async (disk) => ({ base: unpackSparse(await get(disk), allocate) })),
    ),
  };
  return { config, marker };
}

/** In memory that the machine's worker can share, if the browser allows the page to use it. */
const allocate = (lengthBytes: number): Uint8Array =>
  new Uint8Array(
    typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(lengthBytes) : new SharedArrayBuffer(lengthBytes),
  );

async function load(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new RigError(`cannot load ${url}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
