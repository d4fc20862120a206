// SPDX-License-Identifier: MIT
import { ERRNO, type ErrnoName } from '../../../machine/errno.js';

/** An error that the guest gets as the reply of its share. It is no failure of the machine. */
export class Errno extends Error {
  readonly number: number;
  constructor(readonly code: ErrnoName) {
    super(code);
    this.number = ERRNO[code];
  }
}
