// SPDX-License-Identifier: MIT
/** A capture of guest RAM, read as the guest's processor would: little-endian, by guest physical or kernel virtual address. */
import { GuestError, RigError } from '../machine/errors.js';
import { ramEnd, ramOffset, type RamPlaces } from '../machine/ram.js';
import { PAGE_BYTES, gpa, gpaOfPfn, type Gpa, type Pfn } from '../machine/units.js';

declare const kernelAddress: unique symbol;
/**
 * A virtual address as the guest uses it: unsigned with 32 bits, signed with 64, where the kernel's half therefore lies
 * below zero.
 *
 * It is a number and no bigint, because walks over free lists and page tables read millions of them. A number holds
 * integers exactly up to 2^53: with four levels of page tables that is every address (48 bits), with five levels
 * (57 bits) every multiple of 8, which the addresses of structures are. The offset of a field is added after the
 * translation to a physical address. A pointer that a number cannot hold is read as NaN, which is no address.
 */
export type Va = number & { readonly [kernelAddress]: true };
export const va = (address: number): Va => address as Va;

/** `0x08048000`, `0xffff888000000000`: as the kernel prints it, with at least 8 digits. */
export const hexVa = (address: number): string =>
  `0x${(address < 0 ? BigInt.asUintN(64, BigInt(address)) : address).toString(16).padStart(8, '0')}`;

/** All guest RAM. */
export interface GuestMemory {
  /** In the order of addresses, see {@link RamPlaces}. */
  readonly bytes: Uint8Array;
  readonly data: DataView;
  readonly places: RamPlaces;
  /** One past the last frame of RAM. */
  readonly pageCount: number;
}

/**
 * Wraps a capture without copying it. `highBytes`: what of it lies at addresses from 4 GiB on. Throws RigError when it is
 * no whole number of pages.
 */
export function guestMemory(bytes: Uint8Array, highBytes = 0): GuestMemory {
  if (bytes.length === 0 || bytes.length % PAGE_BYTES !== 0) {
    throw new RigError(`a RAM capture of ${bytes.length} bytes is no whole number of pages`, {
      remedy: 'capture all of the RAM of the machine',
    });
  }
  const places: RamPlaces = { lengthBytes: bytes.length, lowBytes: bytes.length - highBytes };
  return {
    // A plain array: Node's Buffer is one too, but its slice() does not copy.
    bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    data: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    places,
    pageCount: ramEnd(places) / PAGE_BYTES,
  };
}

/**
 * The index in the bytes of a capture.
 * @throws GuestError for what is not RAM: the address came from a structure in the guest, which is therefore damaged.
 */
export function offsetOf(memory: GuestMemory, at: Gpa, lengthBytes: number): number {
  const offset = ramOffset(memory.places, at, lengthBytes);
  if (offset === undefined) {
    throw new GuestError(`a kernel structure leads to physical address 0x${at.toString(16)}, which is not RAM`, {
      remedy:
        'check that kernel, System.map and capture belong together; if they do, the guest has corrupted its memory',
    });
  }
  return offset;
}

/** Whether a frame is RAM: a machine with more than 3 GiB has a hole below 4 GiB. */
export const isRam = (memory: GuestMemory, frame: Pfn): boolean =>
  ramOffset(memory.places, gpaOfPfn(frame), PAGE_BYTES) !== undefined;

export function readU8(memory: GuestMemory, at: Gpa): number {
  return memory.data.getUint8(offsetOf(memory, at, 1));
}

export function readU16(memory: GuestMemory, at: Gpa): number {
  return memory.data.getUint16(offsetOf(memory, at, 2), true);
}

export function readU32(memory: GuestMemory, at: Gpa): number {
  return memory.data.getUint32(offsetOf(memory, at, 4), true);
}

/** Unsigned. A number wider than 2^53 comes back rounded. */
export function readU64(memory: GuestMemory, at: Gpa): number {
  const offset = offsetOf(memory, at, 8);
  return memory.data.getUint32(offset, true) + memory.data.getUint32(offset + 4, true) * 2 ** 32;
}

/** Signed. NaN for what a number cannot hold exactly. */
export function readI64(memory: GuestMemory, at: Gpa): number {
  const offset = offsetOf(memory, at, 8);
  return joinWord(memory.data.getUint32(offset, true), memory.data.getInt32(offset + 4, true));
}

/** The signed 64-bit number of these halves; NaN when a number cannot hold it exactly. */
export function joinWord(low: number, high: number): number {
  const upper = high * 2 ** 32;
  const value = upper + low;
  return value - upper === low ? value : Number.NaN;
}

/** Writes a pointer or a long as the guest has it. */
export function setWord(data: DataView, at: number, value: number, wordBytes: 4 | 8): void {
  if (wordBytes === 4) data.setUint32(at, value, true);
  else data.setBigInt64(at, BigInt(value), true);
}

/** Bytes up to the first NUL, at most `lengthMax`, as Latin-1. */
export function readString(memory: GuestMemory, at: Gpa, lengthMax: number): string {
  let text = '';
  for (let i = 0; i < lengthMax; i++) {
    const byte = readU8(memory, gpa(at + i));
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The bytes of one page, not copied. */
export function pageBytes(memory: GuestMemory, frame: Pfn): Uint8Array {
  const offset = offsetOf(memory, gpaOfPfn(frame), PAGE_BYTES);
  return memory.bytes.subarray(offset, offset + PAGE_BYTES);
}
