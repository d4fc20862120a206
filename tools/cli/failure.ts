// SPDX-License-Identifier: MIT
/** The message for a command that failed, and its exit status, which tells who is at fault. */
import { EXIT, GuestError, isSnapbackError } from '../../emulator/machine/errors.js';
import { printable } from '../../emulator/report/escape.js';
import { Interrupted } from './interrupt.js';

/** A command failed, and then its reports could not be written. The exit status is that of the first failure. */
export class TwoFailures extends Error {
  constructor(
    readonly first: unknown,
    readonly second: unknown,
  ) {
    super('a command failed, and its reports could not be written');
    this.name = 'TwoFailures';
  }
}

/** Message for people and exit status of `error`. Only a fault in Snapback itself shows its stack. */
export function describeFailure(error: unknown): { readonly message: string; readonly exitCode: number } {
  if (error instanceof TwoFailures) {
    const { message, exitCode } = describeFailure(error.first);
    return { message: `${message}\n${describeFailure(error.second).message}`, exitCode };
  }
  const { what, lines, exitCode } = describe(error);
  return { message: printable([`snapback: ${what}`, ...lines].join('\n')), exitCode };
}

/** What `error` says in a report: the failure, and lines about its causes and the remedy. */
export function reasonOf(error: unknown): { readonly reason: string; readonly details: readonly string[] } {
  const { what, lines } = describe(error);
  return { reason: what, details: lines.filter((line) => line !== '').map((line) => line.replace(/^ {2}/, '')) };
}

interface Description {
  /** The failure. */
  readonly what: string;
  /** The lines after it. */
  readonly lines: readonly string[];
  readonly exitCode: number;
}

function describe(error: unknown): Description {
  if (error instanceof Interrupted) return { what: 'interrupted', lines: [], exitCode: EXIT.interrupted };
  if (isSnapbackError(error)) {
    const lines: string[] = [];
    if (error instanceof GuestError && error.consoleTail.length > 0)
      lines.push('', '  last lines of the console:', ...error.consoleTail.map((line) => `  | ${line}`), '');
    return {
      what: error.message,
      lines: [...lines, ...because(error.cause, error.message), ...whatToDo(error.remedy)],
      exitCode: error.exitCode,
    };
  }
  const host = hostTrouble(error);
  if (host !== undefined)
    return {
      what: host.what,
      lines: [...because(error, host.what), ...whatToDo(host.cure)],
      exitCode: EXIT.rigFailed,
    };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause = error instanceof Error ? because(error.cause, stack) : [];
  return { what: 'a fault in Snapback itself', lines: [stack, ...cause], exitCode: EXIT.rigFailed };
}

/** Longer than any chain of causes without a circle. */
const CAUSES_MAX = 10;

/** A line for each cause, and for the causes of causes, unless an earlier line already contains it. */
function because(first: unknown, saidAlready: string): readonly string[] {
  let said = saidAlready;
  const lines: string[] = [];
  let cause = first;
  for (let count = 0; cause !== undefined && cause !== null && count < CAUSES_MAX; count++) {
    const text = messageOf(cause);
    if (!said.includes(text)) lines.push(`  because: ${text}`);
    said += `\n${text}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(messageOf).join('; ');
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

const whatToDo = (remedy: string | undefined): readonly string[] =>
  remedy === undefined ? [] : [`  what to do: ${remedy}`];

interface HostTrouble {
  readonly what: string;
  readonly cure: string;
}

const FULL_CURE =
  'free some space, or name folders on another disk: the cache by SNAPBACK_CACHE, the one for temporary files by TMPDIR';
const ABSENT: HostTrouble = {
  what: 'a file or folder of this host does not exist',
  cure: 'create it, or name another: the cache by SNAPBACK_CACHE, the folder for temporary files by TMPDIR',
};
const FORBIDDEN: HostTrouble = {
  what: 'this host does not permit it',
  cure: 'make the file or folder accessible to you',
};

const HOST_TROUBLES: Readonly<Record<string, HostTrouble>> = {
  ENOSPC: { what: 'a disk of this host is full', cure: FULL_CURE },
  EDQUOT: { what: 'the quota on a disk of this host is used up', cure: FULL_CURE },
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: { what: 'a disk of this host is read-only', cure: 'name a cache folder on another disk with SNAPBACK_CACHE' },
  ENOENT: ABSENT,
  ENOTDIR: ABSENT,
  EMFILE: { what: 'too many files are open', cure: 'raise the limit: ulimit -n' },
  ENFILE: { what: 'too many files are open on this host', cure: 'end other programs' },
  ENOMEM: { what: 'this host has no memory left', cure: 'end other programs' },
  EIO: { what: 'a disk of this host has errors', cure: 'read the messages of its kernel: dmesg' },
};

/** The trouble of the host behind one of Node's error codes. Undefined when the error is not the host's. */
function hostTrouble(error: unknown): HostTrouble | undefined {
  const { code, syscall } = (error ?? {}) as { readonly code?: unknown; readonly syscall?: unknown };
  if (typeof code !== 'string') return undefined;
  if (Object.hasOwn(HOST_TROUBLES, code)) return HOST_TROUBLES[code];
  return typeof syscall === 'string'
    ? { what: `an operation failed on this host (${syscall})`, cure: 'check the file or device that the message names' }
    : undefined;
}
