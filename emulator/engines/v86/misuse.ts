// SPDX-License-Identifier: MIT
/**
 * Misuse: a guest uses a device as no driver may. v86's devices do not check their input, and loop without end or fail.
 */

/** Thrown through the emulator's frames to end the machine. The message describes the action of the guest. */
export class DeviceMisuse extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'DeviceMisuse';
  }
}

/** The size of guest RAM. A device may read and write only there. */
export interface GuestRam {
  readonly ramBytes: number;
}

/** Whether the `lengthBytes` bytes at guest physical address `at` are in RAM. */
export function isInRam(at: number, lengthBytes: number, { ramBytes }: GuestRam): boolean {
  return at >= 0 && lengthBytes >= 0 && at + lengthBytes <= ramBytes;
}

/** A guest physical address in hexadecimal, for messages. */
export const hexAddress = (at: number): string => `0x${at.toString(16)}`;
