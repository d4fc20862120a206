// SPDX-License-Identifier: MIT
/** What the user is told when a command cannot do its work, and the exit status that says whose fault it was. */
import { EXIT, GuestError, isSnapbackError, RigError } from '../machine/errors.js';
import { Interrupted } from './interrupt.js';

/** Message for people and exit status of `error`. Only an error of ours that should never be shows its stack. */
export function describeFailure(error: unknown): { readonly message: string; readonly exitCode: number } {
  if (error instanceof Interrupted) return { message: 'snapback: interrupted', exitCode: EXIT.interrupted };
  if (isSnapbackError(error)) {
    const lines = [`snapback: ${error.message}`];
    if (error instanceof GuestError && error.consoleTail.length > 0) lines.push('', '  last lines of the console:', ...error.consoleTail.map((line) => `  | ${line}`), '');
    if (error instanceof RigError && error.cause instanceof Error) lines.push(`  because: ${error.cause.message}`);
    if (error.remedy !== undefined) lines.push(`  what to do: ${error.remedy}`);
    return { message: lines.join('\n'), exitCode: error.exitCode };
  }
  const stack = error instanceof Error ? error.stack : String(error);
  return { message: `snapback: a fault in Snapback itself\n${stack}`, exitCode: EXIT.rigFailed };
}
