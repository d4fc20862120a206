// SPDX-License-Identifier: MIT
/**
 * The delivery port: a guest program reads bytes from it that the rig has ready ({@link RunRequest.deliver}). It takes less than a
 * fiftieth of the instructions that a serial line takes. The kernel under test needs no driver and sees no device.
 *
 * A 32-bit read of `base` takes the next four bytes; zeros fill up the last word. A 32-bit read of `base + 4` answers the number of
 * bytes that are left. A read beyond the end answers all ones; from then on the number is all ones, too. A machine without this port
 * answers all ones to every read.
 * The same number stands in guest-kernel/userspace/rig_delivery.h; a unit test compares them.
 */

export const DELIVERY_PORT = 0x5b20;
