// SPDX-License-Identifier: MIT
/** The error for a machine that stops before an awaited point. It names that point and shows the console. */
import { GuestError, PowerCut } from '../machine/errors.js';
import type { RunReport, StopReason } from '../machine/contract.js';
import type { Seen } from './recorder.js';

const TAIL_LINES = 25;

/** The last lines of a console, without control sequences and trailing blank lines. */
export function consoleTail(console: Uint8Array, lines = TAIL_LINES): readonly string[] {
  const text = new TextDecoder().decode(console.subarray(Math.max(0, console.length - 200 * lines)));
  const plain = text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|\r/g, '').trimEnd();
  return plain === '' ? [] : plain.split('\n').slice(-lines);
}

/** Describes a stop for people. */
export function describeStop(reason: StopReason, virtualMs: number): string {
  const at = `${(virtualMs / 1000).toFixed(2)} s after power-on`;
  switch (reason.why) {
    case 'halted':
      return `the machine halted (interrupts off, nothing can wake it) ${at}`;
    case 'reset':
      return `the machine reset itself (reboot or triple fault) ${at}`;
    case 'misuse':
      return `the guest misused a device ${at}: ${reason.what}`;
    case 'timeout':
      return `this did not happen until ${at}`;
    case 'powerCut':
      return `power was cut ${at}`;
    case 'aborted':
      return `the run was interrupted ${at}`;
    case 'byte':
    case 'trigger':
      return `the machine stopped at another place ${at}`;
  }
}

const STOPPED = /^(?:\[[^\]]*\] )?init: stopped: (.*?)(?:; (.*))?$/u;

/**
 * A machine whose initramfs does not go on (marker `bootStopped`), because a device that the kernel command line names is
 * missing or cannot be used. An image on it can still be resumed, and a commit from it completed.
 */
export class BootStopped extends GuestError {}

export function bootStopped(awaited: string, { console }: Seen): BootStopped {
  const tail = consoleTail(console);
  const [, what, remedy] = STOPPED.exec(tail.findLast((line) => STOPPED.test(line)) ?? '') ?? [];
  return new BootStopped(`awaited ${awaited}, but the boot stopped: ${what ?? 'the console says why'}`, {
    consoleTail: tail,
    remedy: remedy ?? 'read the last lines of the console',
  });
}

/**
 * The error for a machine that stopped for `report.reason` while `awaited` was awaited: {@link PowerCut} when power was
 * cut.
 * After an interruption by the user, it throws the reason of the aborted signal.
 */
export function unexpectedStop(
  awaited: string,
  report: Pick<RunReport, 'reason' | 'virtualMs'>,
  seen: Seen,
  signal?: AbortSignal,
): GuestError {
  if (report.reason.why === 'aborted') signal?.throwIfAborted();
  const Kind = report.reason.why === 'powerCut' ? PowerCut : GuestError;
  return new Kind(`awaited ${awaited}, but ${describeStop(report.reason, report.virtualMs)}`, {
    consoleTail: consoleTail(seen.console),
    remedy: 'read the last lines of the console; `snapback shell` gives the same machine a prompt',
  });
}
