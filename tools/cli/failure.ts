// SPDX-License-Identifier: MIT
/** What the user is told when a command cannot do its work, and the exit status that says whose fault it was. */
import { EXIT, GuestError, isSnapbackError, RigError } from '../../emulator/machine/errors.js';
import { Interrupted } from './interrupt.js';

/** Message for people and exit status of `error`. Only an error of ours that should never be shows its stack. */
export function describeFailure(error: unknown): { readonly message: string; readonly exitCode: number } {
  if (error instanceof Interrupted) return { message: 'snapback: interrupted', exitCode: EXIT.interrupted };
  if (isSnapbackError(error)) {
    const lines = [`snapback: ${error.message}`];
    if (error instanceof GuestError && error.consoleTail.length > 0)
      lines.push('', '  last lines of the console:', ...error.consoleTail.map((line) => `  | ${line}`), '');
    if (error instanceof RigError && error.cause instanceof Error) lines.push(`  because: ${error.cause.message}`);
    if (error.remedy !== undefined) lines.push(`  what to do: ${error.remedy}`);
    return { message: lines.join('\n'), exitCode: error.exitCode };
  }
  const host = hostTrouble(error);
  if (host !== undefined)
    return {
      message: `snapback: ${host.what}\n  because: ${(error as Error).message}\n  what to do: ${host.cure}`,
      exitCode: EXIT.rigFailed,
    };
  const stack = error instanceof Error ? error.stack : String(error);
  return { message: `snapback: a fault in Snapback itself\n${stack}`, exitCode: EXIT.rigFailed };
}

const HOST_TROUBLES: Readonly<Record<string, { readonly what: string; readonly cure: string }>> = {
  ENOSPC: {
    what: 'a disk of this host is full',
    cure: 'free some space, or name a cache folder on another disk with SNAPBACK_CACHE',
  },
  EDQUOT: {
    what: 'the quota on a disk of this host is used up',
    cure: 'free some space, or name a cache folder on another disk with SNAPBACK_CACHE',
  },
  EACCES: { what: 'this host does not permit it', cure: 'make the file or folder accessible to you' },
  EROFS: { what: 'a disk of this host is read-only', cure: 'name a cache folder on another disk with SNAPBACK_CACHE' },
  EMFILE: { what: 'too many files are open', cure: 'raise the limit: ulimit -n' },
};

/** What Node's error code says of the host, when it is the host's trouble and not ours. */
function hostTrouble(error: unknown): (typeof HOST_TROUBLES)[string] | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && Object.hasOwn(HOST_TROUBLES, code) ? HOST_TROUBLES[code] : undefined;
}
