// SPDX-License-Identifier: MIT
/**
 * Where the RAM of a machine lies. A capture holds RAM only, in the order of addresses. So its index is the guest physical
 * address, except for what lies from 4 GiB on, if there is any: between the two parts is a hole for devices.
 */
import type { MachineConfig } from './contract.js';
import type { Gpa } from './units.js';

/** Where the upper part begins. */
export const HIGH_RAM = 2 ** 32;

export interface RamPlaces {
  readonly lengthBytes: number;
  /** Of the lower part, which begins at address 0; all of it if there is no upper part. */
  readonly lowBytes: number;
}

export function ramPlaces({
  memoryMiB,
  highMemoryMiB = 0,
}: Pick<MachineConfig, 'memoryMiB' | 'highMemoryMiB'>): RamPlaces {
  return { lengthBytes: memoryMiB * 2 ** 20, lowBytes: (memoryMiB - highMemoryMiB) * 2 ** 20 };
}

/** The index in a capture of `lengthBytes` bytes from an address on; undefined when not all of them are RAM. */
export function ramOffset(places: RamPlaces, at: Gpa, lengthBytes: number): number | undefined {
  if (at >= 0 && at + lengthBytes <= places.lowBytes) return at;
  const offset = at - HIGH_RAM + places.lowBytes;
  return at >= HIGH_RAM && offset + lengthBytes <= places.lengthBytes ? offset : undefined;
}

/** One past the last address of RAM. */
export const ramEnd = ({ lengthBytes, lowBytes }: RamPlaces): number =>
  lengthBytes === lowBytes ? lengthBytes : HIGH_RAM + lengthBytes - lowBytes;
