// SPDX-License-Identifier: MIT
/**
 * A delivery: bytes that the rig has for a guest program ({@link RunRequest.deliver}). A machine offers them in one of two
 * ways, and the program tries both. Each is many times faster than a serial line, and the kernel under test needs no
 * driver for it. guest-kernel/userspace/rig_delivery.h has the same numbers; a unit test compares them.
 *
 * The port: a 32-bit read of `base` returns the next four bytes; zeros fill up the last word. A 32-bit read of `base + 4`
 * returns the number of bytes that are left. A read beyond the end returns all ones; from then on the number is all ones,
 * too. A machine without this port returns all ones for every read.
 *
 * The window: a PCI device without a driver (QEMU's `ivshmem-plain`), whose second memory region is the rig's. Its first
 * word is the number of bytes, which start a page later. The program sets that word to 0 when it has taken them.
 */

export const DELIVERY_PORT = 0x5b20;

export const DELIVERY_WINDOW = { vendor: 0x1af4, device: 0x1110, lengthBytes: 0x20_0000, bytesAt: 0x1000 } as const;

/** The longest delivery. */
export const DELIVERY_BYTES_MAX = 1 << 20;
