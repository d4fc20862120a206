// SPDX-License-Identifier: MIT
/** What stayed busy at the shutdown is named; lines that anybody may print prove nothing. */
import t from 'tap';
import { stayedBusy } from '../../../emulator/cycle/shutdown.js';
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { stepEnd, USER_MARKERS } from '../../../emulator/machine/markers.js';

const seen = (console: string, count: number | undefined) => ({
  console: new TextEncoder().encode(console),
  markers:
    count === undefined
      ? []
      : [{ kind: USER_MARKERS.shutdown, word0: count, word1: 0, instruction: 1, virtualMs: 1 } satisfies MarkerSeen],
});

const LINES =
  'init: stays busy: /mnt/x (ext4 on /dev/loop0): Device or resource busy\r\n[ 1.0] EXT4-fs: unmounting\r\ninit: stays busy: device-mapper device upper: Device or resource busy\r\n';

t.test('what the marker counts', (t) => {
  t.match(stayedBusy(seen(LINES, 2)), {
    kind: 'filesystem',
    what: /left in use, and so perhaps not clean: \/mnt\/x \(ext4 on \/dev\/loop0\), device-mapper device upper$/,
    details: [/^\/mnt\/x .*: Device or resource busy$/, /^device-mapper device upper: Device/],
  });
  t.match(stayedBusy(seen(LINES, 3)), { what: /upper, 1 that the console does not name$/ });
  t.match(stayedBusy(seen(LINES, 1)), { what: /not clean: device-mapper device upper$/ });
  t.equal(stayedBusy(seen(LINES, 0)), undefined, 'a program of the guest printed these');
  t.match(
    stayedBusy(seen('Kernel panic\n', undefined)),
    { kind: 'guest', what: /^the machine halted before the guest's init said/, details: ['Kernel panic'] },
    'an init that says nothing has not said that nothing stayed busy',
  );
  const { console, markers } = seen(LINES, 2);
  const call = (timeline: number, errno: number) => ({
    console,
    markers: [
      { kind: stepEnd('call'), word0: timeline, word1: errno, instruction: 0, virtualMs: 0 } satisfies MarkerSeen,
      ...markers,
    ],
  });
  t.equal(stayedBusy(call(0, 0)), undefined, 'the snapshot of a live timeline holds its devices');
  t.ok(stayedBusy(call(0, 16)), 'a snapshot that was refused does not');
  t.ok(stayedBusy(call(1, 0)), 'nor does one that was restored');
  t.end();
});
