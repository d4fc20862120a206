// SPDX-License-Identifier: MIT
/** Messages of 9P: little-endian integers, and strings that begin with their length. */
import { Errno } from './errno.js';

/** The longest message that a client may send or ask for. */
export const MESSAGE_BYTES_MAX = 512 * 1024;
/** Bytes of length, type and tag, which every message has; and of the reply for an error. */
export const REQUEST_BYTES_MIN = 7;
export const REPLY_BYTES_MIN = 11;

export interface WireReader {
  u8(): number;
  u16(): number;
  u32(): number;
  /** As a number, because no value here exceeds 2^53. */
  u64(): number;
  text(): string;
  /** A view of the message. */
  bytes(lengthBytes: number): Uint8Array;
}

/** Reads `message`. @throws Errno EPROTO when it ends too early. */
export function readWire(message: Uint8Array): WireReader {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const next = (lengthBytes: number): number => {
    if (at + lengthBytes > message.length) throw new Errno('EPROTO');
    return (at += lengthBytes) - lengthBytes;
  };
  const bytes = (lengthBytes: number): Uint8Array => {
    const from = next(lengthBytes);
    return message.subarray(from, from + lengthBytes);
  };
  const u16 = (): number => view.getUint16(next(2), true);
  return {
    u8: () => view.getUint8(next(1)),
    u16,
    u32: () => view.getUint32(next(4), true),
    u64: () => Number(view.getBigUint64(next(8), true)),
    text: () => new TextDecoder().decode(bytes(u16())),
    bytes,
  };
}

/** A piece of a message: [width in bytes, value], or text, or raw bytes. */
export type WirePiece = readonly [width: 1 | 2 | 4 | 8, value: number] | string | Uint8Array;

/** Joins the pieces to a message. */
export function writeWire(pieces: readonly WirePiece[]): Uint8Array {
  const texts = pieces.map((piece) => (typeof piece === 'string' ? new TextEncoder().encode(piece) : undefined));
  const lengths = pieces.map((piece, index) =>
    piece instanceof Uint8Array ? piece.length : typeof piece === 'string' ? 2 + (texts[index]?.length ?? 0) : piece[0],
  );
  const message = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  const view = new DataView(message.buffer);
  let at = 0;
  for (const [index, piece] of pieces.entries()) {
    const text = texts[index];
    if (piece instanceof Uint8Array) message.set(piece, at);
    else if (text) {
      view.setUint16(at, text.length, true);
      message.set(text, at + 2);
    } else putInteger(view, at, piece as readonly [1 | 2 | 4 | 8, number]);
    at += lengths[index] ?? 0;
  }
  return message;
}

function putInteger(view: DataView, at: number, [width, value]: readonly [1 | 2 | 4 | 8, number]): void {
  if (width === 1) view.setUint8(at, value);
  else if (width === 2) view.setUint16(at, value, true);
  else if (width === 4) view.setUint32(at, value, true);
  else view.setBigUint64(at, BigInt(value), true);
}
