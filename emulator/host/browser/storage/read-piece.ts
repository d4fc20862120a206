// SPDX-License-Identifier: MIT
/** Gets a piece of a disk within the call, as the machine's disk controller needs it. Only workers can do that. */
import { gunzipSync } from 'fflate';
import { crc32 } from '../../../machine/crc32.js';
import { RigError } from '../../../machine/errors.js';

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface SyncRequest {
  open(method: 'GET', url: string, async: false): void;
  send(): void;
  responseType: 'arraybuffer';
  readonly status: number;
  readonly response: ArrayBuffer;
}
declare const XMLHttpRequest: new () => SyncRequest;

/** Bytes at the end of what gzip makes: CRC-32 and length. */
const TRAILER_BYTES = 8;

/**
 * The piece at `url`, which was compressed with gzip. `onPacked` gets it as it was delivered.
 * @throws RigError when it cannot be loaded or is damaged.
 */
export function readPiece(url: string, onPacked: (packed: Uint8Array) => void = () => undefined): Uint8Array {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.responseType = 'arraybuffer';
  const remedy = 'see that the server is running, and reload the page';
  try {
    request.send();
  } catch (cause) {
    throw new RigError(`cannot load ${url}, a piece of a disk: the server does not answer`, { cause, remedy });
  }
  if (request.status !== 200)
    throw new RigError(`cannot load ${url}, a piece of a disk: status ${request.status}`, { remedy });
  const packed = new Uint8Array(request.response);
  const piece = unpackPiece(packed, url);
  onPacked(packed);
  return piece;
}

/** @throws RigError when `packed` is not what gzip has made. */
export function unpackPiece(packed: Uint8Array, url: string): Uint8Array {
  let piece: Uint8Array | undefined;
  try {
    piece = gunzipSync(packed);
  } catch {
    piece = undefined;
  }
  const at = packed.length - TRAILER_BYTES;
  const sum = at < 0 ? 0 : new DataView(packed.buffer, packed.byteOffset + at).getUint32(0, true);
  if (!piece || crc32(piece) !== sum)
    throw new RigError(`${url}, a piece of a disk, is damaged or cut short`, {
      remedy: 'reload the page; if that does not help, write the site again with `snapback site`',
    });
  return piece;
}
