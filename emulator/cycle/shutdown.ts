// SPDX-License-Identifier: MIT
/**
 * What a guest's init tells of its shutdown: the number of mounts and devices that stayed busy, as word 0 of its marker, and their
 * names, as lines on the console (guest-kernel/userspace/init/detach.h). The marker decides, since any program can print such lines.
 */
import { consoleLines } from '../console/lines.js';
import { stepEnd, USER_MARKERS } from '../machine/markers.js';
import type { Finding } from './outcome.js';
import type { Seen } from './recorder.js';

/** `init: stays busy: NAME: REASON`; the program is called `rig-init`, and `init` in the guest. */
const STAYS_BUSY = /^(?:rig-)?init: stays busy: (.+)$/;

/** The finding that names what stayed busy in a machine that has been shut down; undefined when nothing did. */
export function stayedBusy({ markers, console }: Pick<Seen, 'markers' | 'console'>): Finding | undefined {
  const count = markers.findLast(({ kind }) => kind === USER_MARKERS.shutdown)?.word0 ?? 0;
  if (count === 0 || isLive(markers)) return undefined;
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
 * Whether the machine is in the live timeline of a snapshot. The snapshot holds the devices there, and nothing that is left on
 * them reaches the disks.
 */
function isLive(markers: Seen['markers']): boolean {
  const call = markers.findLast(({ kind }) => kind === stepEnd('call'));
  return call !== undefined && call.word0 === 0 && call.word1 === 0;
}
