// SPDX-License-Identifier: MIT
/** Where QEMU comes from. */

/** The Debian package that has QEMU's programs for x86. */
export const QEMU_PACKAGE = 'qemu-system-x86';
/** For people. */
export const INSTALL_QEMU = `install it: apt-get install --no-install-recommends ${QEMU_PACKAGE}`;
