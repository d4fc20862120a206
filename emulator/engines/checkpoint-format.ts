// SPDX-License-Identifier: MIT
/** Bytes of a checkpoint of any engine: a magic, a JSON head, and blobs. */
import type { LazyBytes } from '../disks/sparse.js';
import { InputError } from '../machine/errors.js';

const MAGIC = 'SNAPCKPT';
const FORMAT = 1;
const HEAD_BYTES = 16;

/** A JSON head and blobs as one array of bytes. */
export function packCheckpoint(head: object, blobs: readonly (Uint8Array | LazyBytes)[]): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify({ head, blobBytes: blobs.map((blob) => blob.length) }));
  const total = align(HEAD_BYTES + json.length) + blobs.reduce((sum, blob) => sum + align(blob.length), 0);
  const bytes = new Uint8Array(total);
  bytes.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, FORMAT, true);
  view.setUint32(12, json.length, true);
  bytes.set(json, HEAD_BYTES);
  let at = align(HEAD_BYTES + json.length);
  for (const blob of blobs) {
    if (blob instanceof Uint8Array) bytes.set(blob, at);
    else blob.write(bytes.subarray(at, at + blob.length));
    at += align(blob.length);
  }
  return bytes;
}

/**
 * The reverse of {@link packCheckpoint}; blobs are views into `bytes`.
 * @throws InputError when the bytes are not a checkpoint, or are incomplete.
 */
export function unpackCheckpoint(bytes: Uint8Array): { readonly head: unknown; readonly blobs: readonly Uint8Array[] } {
  const { head, places } = readHead(bytes);
  return { head, blobs: places.map(({ at, lengthBytes }) => bytes.subarray(at, at + lengthBytes)) };
}

/**
 * Where in a checkpoint its blobs begin. In two checkpoints of a machine, pages that have not changed lie whole pages behind the
 * beginnings of the same blobs.
 * @throws InputError when the bytes are not a checkpoint, or are incomplete.
 */
export const blobsBegin = (bytes: Uint8Array): readonly number[] => readHead(bytes).places.map(({ at }) => at);

/**
 * What is thrown when a checkpoint is restored under another config than that of its machine.
 * @param saved of the machine, such as `with 256 MiB`.
 * @param wanted what the config says instead, such as `the config says 128 MiB`.
 */
export const otherConfig = (saved: string, wanted: string): InputError =>
  new InputError(`the checkpoint is of a machine ${saved}, ${wanted}`, {
    remedy: 'restore it with the config under which it was made',
  });

interface Place {
  readonly at: number;
  readonly lengthBytes: number;
}

function readHead(bytes: Uint8Array): { readonly head: unknown; readonly places: readonly Place[] } {
  const remedy = 'delete it; it is made again when it is needed';
  // slice(), because TextDecoder refuses shared memory.
  if (bytes.length < HEAD_BYTES || new TextDecoder().decode(bytes.slice(0, 8)) !== MAGIC)
    throw new InputError('not a checkpoint', { remedy });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = view.getUint32(8, true);
  if (format !== FORMAT)
    throw new InputError(`checkpoint format ${format}, but this engine reads ${FORMAT}`, { remedy });
  const jsonBytes = view.getUint32(12, true);
  const json = new TextDecoder().decode(bytes.slice(HEAD_BYTES, HEAD_BYTES + jsonBytes));
  let parsed: { head: unknown; blobBytes: number[] };
  try {
    parsed = JSON.parse(json) as typeof parsed;
  } catch (cause) {
    throw new InputError('the head of the checkpoint is damaged', { remedy, cause });
  }
  let end = align(HEAD_BYTES + jsonBytes);
  const places = parsed.blobBytes.map((lengthBytes) => {
    const at = end;
    end += align(lengthBytes);
    return { at, lengthBytes };
  });
  if (end > bytes.length)
    throw new InputError(`the checkpoint is cut short: ${bytes.length} of ${end} bytes`, { remedy });
  return { head: parsed.head, places };
}

const align = (length: number): number => (length + 7) & ~7;
