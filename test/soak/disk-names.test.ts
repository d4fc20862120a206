// SPDX-License-Identifier: MIT
/** A boot stops where a disk is missing, whatever was to be on it. */
import t from 'tap';
import { runText } from '../e2e/cycle-support.js';

t.test('a boot stops when the device of an image is missing, and goes on when it is told so', async (t) => {
  const booting = (cmdline: string, step = ''): ReturnType<typeof runText> =>
    runText(
      t.testdir({}),
      `name: x\ncontrol: false\nmachine: { cmdline: 'rig.wait=50 ${cmdline}' }\nsteps: [boot${step}]\n`,
    );
  for (const word of [
    'resume=/dev/sdb9',
    'rig.image=PARTLABEL=nowhere:/snapshot',
    'resume=/dev/sdb1 resume_offset=99999999',
  ]) {
    const { report } = await booting(word);
    const [name = '', device = ''] = word.split(' ', 1)[0]?.split(/=(.*)/) ?? [];
    t.match(
      report.failures,
      [
        {
          kind: 'guest',
          what: `the boot stopped: ${name}=${device.replace(/:.*/, '')}: `,
          remedy: /add rig\.noresume to the kernel command line/,
        },
      ],
      word,
    );
    t.match(report.failures[0]?.what, /\(devices: .*sdb3.*\)$/, 'with what there is');
  }
  const [store] = (await booting('rig.store=/dev/sdb9')).report.failures;
  t.match(store, {
    what: 'the boot stopped: rig.store=/dev/sdb9: it did not appear within 50 ms',
    remedy: /Attach the device, or remove rig\.store from the kernel command line if no snapshot was being committed/,
  });
  const { report } = await booting('resume=/dev/sdb9 rig.noresume', ', { run: uname }, shutdown');
  t.equal(report.verdict, 'pass');
});
