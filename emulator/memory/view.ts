// SPDX-License-Identifier: MIT
/** A capture of guest RAM, read as the guest's processor would: little-endian, by guest physical or kernel virtual address. */
import { GuestError, RigError } from '../machine/errors.js';
import { PAGE_BYTES, gpa, type Gpa, type Pfn } from '../machine/units.js';

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

/** All guest RAM, index = gpa. */
export interface GuestMemory {
  readonly bytes: Uint8Array;
  readonly data: DataView;
  readonly pageCount: number;
}

/** Wraps a capture without copying it. Throws RigError when it is no whole number of pages. */
export function guestMemory(bytes: Uint8Array): GuestMemory {
  if (bytes.length === 0 || bytes.length % PAGE_BYTES !== 0) {
    throw new RigError(`a RAM capture of ${bytes.length} bytes is no whole number of pages`, {
      remedy: 'capture all of the RAM of the machine',
    });
  }
  return {
    // A plain array: Node's Buffer is one too, but its slice() does not copy.
    bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    data: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    pageCount: bytes.length / PAGE_BYTES,
  };
}

/** Throws GuestError: the address came from a structure in the guest, which is therefore damaged. */
function checkInside(memory: GuestMemory, at: Gpa, lengthBytes: number): void {
  if (!(at >= 0 && at + lengthBytes <= memory.bytes.length)) {
    throw new GuestError(`a kernel structure leads to physical address 0x${at.toString(16)}, which is not RAM`, {
      remedy:
        'check that kernel, System.map and capture belong together; if they do, the guest has corrupted its memory',
    });
  }
}

export function readU8(memory: GuestMemory, at: Gpa): number {
  checkInside(memory, at, 1);
  return memory.data.getUint8(at);
}

export function readU16(memory: GuestMemory, at: Gpa): number {
  checkInside(memory, at, 2);
  return memory.data.getUint16(at, true);
}

export function readU32(memory: GuestMemory, at: Gpa): number {
  checkInside(memory, at, 4);
  return memory.data.getUint32(at, true);
}

/** Unsigned. A number wider than 2^53 comes back rounded. */
export function readU64(memory: GuestMemory, at: Gpa): number {
  checkInside(memory, at, 8);
  return memory.data.getUint32(at, true) + memory.data.getUint32(at + 4, true) * 2 ** 32;
}

/** Signed. NaN for what a number cannot hold exactly. */
export function readI64(memory: GuestMemory, at: Gpa): number {
  checkInside(memory, at, 8);
  return joinWord(memory.data.getUint32(at, true), memory.data.getInt32(at + 4, true));
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
  checkInside(memory, gpa(frame * PAGE_BYTES), PAGE_BYTES);
  return memory.bytes.subarray(frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES);
}
