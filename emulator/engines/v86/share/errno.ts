// SPDX-License-Identifier: MIT
/** The errors of a share, with Linux's numbers. */

const NUMBERS = {
  EPERM: 1,
  ENOENT: 2,
  EBADF: 9,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  ESTALE: 116,
} as const;
export type ErrnoName = keyof typeof NUMBERS;

/** An error that the guest gets as the reply. It is no failure of the machine. */
export class Errno extends Error {
  readonly number: number;
  constructor(readonly code: ErrnoName) {
    super(code);
    this.number = NUMBERS[code];
  }
}
