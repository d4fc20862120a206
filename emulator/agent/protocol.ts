// SPDX-License-Identifier: MIT
/**
 * The meaning of the frames on the agent channel. guest-kernel/userspace/agent/protocol.h has the same numbers and the
 * layout of each payload.
 */
import { concat } from '../machine/bytes.js';

export const PROTOCOL_VERSION = 1;

export const REQUEST = {
  hello: 0x01,
  start: 0x02,
  stdin: 0x03,
  collect: 0x04,
  kill: 0x05,
  release: 0x06,
  put: 0x07,
  get: 0x08,
  mark: 0x09,
  consumed: 0x0a,
  shutdown: 0x0b,
  fetch: 0x0c,
  room: 0x0d,
} as const;

export const ANSWER = {
  ok: 0x80,
  hello: 0x81,
  started: 0x82,
  data: 0x83,
  room: 0x84,
  output: 0x90,
  status: 0x91,
  error: 0xff,
} as const;

export const START_FOLLOW = 1;
export const START_STDIN = 2;
export const START_ENDS = 4;
/** With `START_ENDS`, the guest keeps at least so much of the beginning and of the end of an output. */
export const KEPT_END_BYTES = 98_304;
export const PUT_FIRST = 1;
export const PUT_LAST = 2;

export const JOB_STATE = { running: 0, exited: 1, signalled: 2, timedOut: 3 } as const;

type Part = number | string | Uint8Array;

/** A payload: numbers as little-endian words, strings in UTF-8 with a final zero, bytes unchanged. */
export function payloadOf(...parts: readonly Part[]): Uint8Array {
  return concat(parts.map(encodePart));
}

function encodePart(part: Part): Uint8Array {
  if (typeof part === 'number') {
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, part, true);
    return word;
  }
  return typeof part === 'string' ? new TextEncoder().encode(`${part}\0`) : part;
}

/** Reads a payload from front to back. Missing values read as 0 and ''. */
export class PayloadReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  word(): number {
    const at = this.#at;
    this.#at += 4;
    if (this.#at > this.#bytes.length) return 0;
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getUint32(at, true);
  }

  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) return '';
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  rest(): Uint8Array {
    return this.#bytes.slice(this.#at);
  }
}
