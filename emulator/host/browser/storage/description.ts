// SPDX-License-Identifier: MIT
/** The server's description of a machine, and the code by which the page loads it. */
import type { MachineConfig } from '../../machine/contract.js';
import { unpackSparse } from '../../disks/sparse.js';
import { RigError } from '../../machine/errors.js';

/** A file of a machine, compressed with gzip. */
export interface MachinePiece {
  /** Relative to the page. */
  readonly url: string;
  /** Its length as it is delivered. */
  readonly bytes: number;
}

/** `machine.json`: a machine's config with files instead of bytes. */
export interface MachineDescription {
  readonly machine: Omit<MachineConfig, 'bios' | 'vgaBios' | 'kernel' | 'initrd' | 'disks' | 'share'>;
  readonly bios: MachinePiece;
  readonly vgaBios: MachinePiece;
  readonly kernel: MachinePiece;
  readonly initrd?: MachinePiece;
  /** Packed by `packSparse` before they were compressed. */
  readonly disks: readonly MachinePiece[];
  /** Marker at which the page reports the machine's state. */
  readonly marker: number;
}

/** How far the loading has come, in bytes as they are delivered. */
export type OnLoaded = (loadedBytes: number, allBytes: number) => void;

/**
 * Loads the description at `url` and all files that it names.
 * @throws RigError when something cannot be loaded.
 */
export async function loadMachine(
  url: string,
  onLoaded: OnLoaded,
): Promise<{ readonly config: MachineConfig; readonly marker: number }> {
  // The other files have their hashes in their names; this one must be the present one.
  const description = (await (await get(url, { cache: 'no-cache' })).json().catch((cause: unknown) => {
    throw new RigError(`${url} is not the description of a machine`, { cause });
  })) as MachineDescription;
  const { machine, marker, bios, vgaBios, kernel, initrd, disks } = description;
  const pieces = [bios, vgaBios, kernel, ...(initrd ? [initrd] : []), ...disks];
  const allBytes = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  let loadedBytes = 0;
  const load = async (piece: MachinePiece): Promise<Uint8Array> => {
    const { body } = await get(piece.url);
    if (!body) throw new RigError(`cannot load ${piece.url}: it is empty`);
    const counter = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        loadedBytes += chunk.length;
        onLoaded(loadedBytes, allBytes);
        controller.enqueue(chunk);
      },
    });
    try {
      const plain = body.pipeThrough(counter).pipeThrough(new DecompressionStream('gzip'));
      return new Uint8Array(await new Response(plain).arrayBuffer());
    } catch (cause) {
      throw new RigError(`cannot load ${piece.url}: it is cut short or altered`, { cause });
    }
  };
  const config: MachineConfig = {
    ...machine,
    bios: await load(bios),
    vgaBios: await load(vgaBios),
    kernel: await load(kernel),
    ...(initrd && { initrd: await load(initrd) }),
    disks: await Promise.all(disks.map(async (disk) => ({ base: unpackSparse(await load(disk), allocate) }))),
  };
  return { config, marker };
}

/** In memory that the machine's worker can share, if the browser allows the page to use it. */
const allocate = (lengthBytes: number): Uint8Array =>
  new Uint8Array(
    typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(lengthBytes) : new SharedArrayBuffer(lengthBytes),
  );

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
type Fetch = (url: string, options: { readonly cache?: 'no-cache' }) => Promise<Response>;

async function get(url: string, options: Parameters<Fetch>[1] = {}): Promise<Response> {
  const response = await (fetch as Fetch)(url, options).catch((cause: unknown) => {
    throw new RigError(`cannot load ${url}: the server does not answer`, { cause });
  });
  if (!response.ok) throw new RigError(`cannot load ${url}: status ${response.status}`);
  return response;
}
