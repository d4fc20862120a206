// SPDX-License-Identifier: MIT
/**
 * Reads what a guest's init reports of its shutdown: the number of mounts and devices that stayed busy (word 0 of its
 * marker) and their names (lines on the console, see guest-kernel/userspace/init/detach.h). The marker decides, because
 * any program can print such lines.
 */
import { consoleLines } from '../console/lines.js';
import { stepEnd, USER_MARKERS } from '../machine/markers.js';
import type { Finding } from './outcome.js';
import type { Seen } from './recorder.js';
import { consoleTail } from './stop.js';

/** `init: stays busy: NAME: REASON`; the program is called `rig-init`, and `init` in the guest. */
const STAYS_BUSY = /^(?:rig-)?init: stays busy: (.+)$/;

/**
 * The finding that names what stayed busy in a machine that has been shut down; undefined when nothing did. A machine
 * that halted without the marker did not say what stayed busy, and that is a finding, too.
 */
export function stayedBusy({ markers, console }: Pick<Seen, 'markers' | 'console'>): Finding | undefined {
  if (isLive(markers)) return undefined;
  const marker = markers.findLast(({ kind }) => kind === USER_MARKERS.shutdown);
  if (!marker)
    return {
      kind: 'guest',
      what: "the machine halted before the guest's init said what its shutdown left in use",
      details: consoleTail(console),
      remedy: 'the console says why the shutdown was not completed',
    };
  const count = marker.word0;
  if (count === 0) return undefined;
  const lines = consoleLines(console)
    .flatMap((line) => STAYS_BUSY.exec(line)?.[1] ?? [])
    .slice(-count);
  const names = lines.map((line) => line.replace(/: [^:]*$/, ''));
  const unnamed = count - lines.length;
  if (unnamed > 0) names.push(`${unnamed} that the console does not name`);
  return {
    kind: 'filesystem',
    what: `the guest's shutdown left in use, and so perhaps not clean: ${names.join(', ')}`,
    details: lines,
  };
}

/**
 * Whether the machine is in the live timeline of a snapshot. The snapshot keeps the devices busy there, and later
 * writes to them do not reach the disks.
 */
function isLive(markers: Seen['markers']): boolean {
  const call = markers.findLast(({ kind }) => kind === stepEnd('call'));
  return call !== undefined && call.word0 === 0 && call.word1 === 0;
}
