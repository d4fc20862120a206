// SPDX-License-Identifier: MIT
/** Bytes that can be read at any place: a partition, a file, a disk under a write log. */
import type { ByteRange } from '../disks/sparse.js';
import { GuestError } from '../machine/errors.js';

export interface ByteSource {
  readonly byteLength: number;
  /** Exactly `lengthBytes`; the caller does not write to them. */
  read(offsetBytes: number, lengthBytes: number): Uint8Array;
  /** Ascending ranges outside of which every byte is zero. Without it, every byte can be non-zero. */
  filled?(): readonly ByteRange[];
}

/** Part of an array as a source. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** A range of another source. */
export function slice(source: ByteSource, startByte: number, lengthBytes: number): ByteSource {
  const within = (at: number): number => Math.min(Math.max(at - startByte, 0), lengthBytes);
  return {
    byteLength: lengthBytes,
    read: (offset, length) => source.read(startByte + offset, length),
    filled: () =>
      filledRanges(source)
        .map(([from, to]): ByteRange => [within(from), within(to)])
        .filter(([from, to]) => from < to),
  };
}

/** The ranges of a source that can contain bytes other than zero. */
export const filledRanges = (source: ByteSource): readonly ByteRange[] => source.filled?.() ?? [[0, source.byteLength]];

/** Reads with a check of the bounds: `what` names the structure that led there. */
export function readChecked(source: ByteSource, offsetBytes: number, lengthBytes: number, what: string): Uint8Array {
  if (!(offsetBytes >= 0 && offsetBytes + lengthBytes <= source.byteLength)) {
    throw new GuestError(`${what} leads to byte ${offsetBytes}, beyond the end at ${source.byteLength}`, {
      remedy: 'the guest wrote a damaged structure, or the wrong partition is being read',
    });
  }
  return source.read(offsetBytes, lengthBytes);
}
