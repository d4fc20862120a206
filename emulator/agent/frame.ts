// SPDX-License-Identifier: MIT
/**
 * Frames on the agent channel: type (1 byte), id (4), payload, CRC-32 of everything before it (4), little-endian;
 * COBS-encoded and ended by a zero byte. Bytes before a zero byte that are no valid frame are dropped.
 * The other side is guest-kernel/userspace/agent/frame.c.
 */
import { concat } from '../machine/bytes.js';
import { cobsDecode, cobsEncode } from './cobs.js';
import { crc32 } from '../machine/crc32.js';

/** Ends each frame. It is also sent alone, to end an incomplete frame that the other side may have received. */
export const DELIMITER = 0;
/** Longest payload that the guest's agent accepts. */
export const PAYLOAD_BYTES_MAX = 36_864;
/** Longest piece of a file or an output within a payload. */
export const CHUNK_BYTES_MAX = 32_768;

const HEAD_BYTES = 5;
const CRC_BYTES = 4;

export interface Frame {
  readonly type: number;
  /** Unsigned 32 bit. */
  readonly id: number;
  readonly payload: Uint8Array;
}

/** The encoded frame with its delimiter. */
export function encodeFrame(frame: Frame): Uint8Array {
  const plain = new Uint8Array(HEAD_BYTES + frame.payload.length + CRC_BYTES);
  const view = new DataView(plain.buffer);
  view.setUint8(0, frame.type);
  view.setUint32(1, frame.id, true);
  plain.set(frame.payload, HEAD_BYTES);
  const crcAt = HEAD_BYTES + frame.payload.length;
  view.setUint32(crcAt, crc32(plain.subarray(0, crcAt)), true);
  const encoded = cobsEncode(plain);
  const line = new Uint8Array(encoded.length + 1);
  line.set(encoded);
  return line;
}

/** The frame in `encoded` (without its delimiter), or undefined when it is damaged. */
export function decodeFrame(encoded: Uint8Array): Frame | undefined {
  const plain = cobsDecode(encoded);
  if (plain === undefined || plain.length < HEAD_BYTES + CRC_BYTES) return undefined;
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  const crcAt = plain.length - CRC_BYTES;
  if (view.getUint32(crcAt, true) !== crc32(plain.subarray(0, crcAt))) return undefined;
  return { type: view.getUint8(0), id: view.getUint32(1, true), payload: plain.slice(HEAD_BYTES, crcAt) };
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #pending: Uint8Array[] = [];
  /** Number of pieces between delimiters that were no frame, since the start. */
  tornFrames = 0;

  /** Returns the frames that `bytes` complete. */
  take(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let from = 0;
    for (let end = bytes.indexOf(DELIMITER); end >= 0; end = bytes.indexOf(DELIMITER, from)) {
      this.#pending.push(bytes.subarray(from, end));
      from = end + 1;
      const encoded = concat(this.#pending);
      this.#pending = [];
      if (encoded.length === 0) continue;
      const frame = decodeFrame(encoded);
      if (frame === undefined) this.tornFrames++;
      else frames.push(frame);
    }
    if (from < bytes.length) this.#pending.push(bytes.slice(from));
    return frames;
  }

  /** Drops an incomplete frame of which the rest will not arrive. */
  reset(): void {
    this.#pending = [];
  }
}
