// SPDX-License-Identifier: MIT
/** A guest that uses a device as no driver may. v86's devices take what they are given, and loop without end or fail. */

/** Thrown through the emulator's frames to end the machine; the message says what the guest did. */
export class DeviceMisuse extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'DeviceMisuse';
  }
}

/** How much RAM the guest has; what a device is to read or write must lie in it. */
export interface GuestRam {
  readonly ramBytes: number;
}

/** Whether `lengthBytes` from guest physical address `at` on lie in RAM. */
export function isInRam(at: number, lengthBytes: number, { ramBytes }: GuestRam): boolean {
  return at >= 0 && lengthBytes >= 0 && at + lengthBytes <= ramBytes;
}

/** A guest physical address, for people. */
export const hexAddress = (at: number): string => `0x${at.toString(16)}`;
