// SPDX-License-Identifier: MIT
/**
 * The delivery port: a guest program reads from it the bytes that the rig supplies ({@link RunRequest.deliver}). It
 * needs less than a fiftieth of the instructions of a serial line. The kernel under test needs no driver and sees no
 * device.
 *
 * A 32-bit read of `base` returns the next four bytes; zeros fill up the last word. A 32-bit read of `base + 4` returns
 * the number of bytes that are left. A read beyond the end returns all ones; from then on the number is all ones, too.
 * A machine without this port returns all ones for every read. guest-kernel/userspace/rig_delivery.h has the same
 * number; a unit test compares them.
 */

export const DELIVERY_PORT = 0x5b20;
