// SPDX-License-Identifier: MIT
/** What a distribution's kernel has on: its self-checks, filesystems of servers, devices that write by themselves. */
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { snapback } from './cycle-support.js';

const SCENARIOS = {
  'checks-notice': 'self-checks that hosts may have to skip are ready in the guest, and notice what is spoilt',
  'fs-servers': 'filesystems of an NFS and an SMB server, open and locked, and the servers as well',
};

for (const [name, what] of Object.entries(SCENARIOS)) {
  t.test(what, async (t) => {
    const own = process.env['SNAPBACK_TEST_KERNEL'];
    const kernel = own === undefined ? [] : ['--kernel', own];
    const { status, stdout, stderr } = await snapback([
      'run',
      ...kernel,
      packagePath('test', 'scenarios', `${name}.yaml`),
    ]);
    t.equal(status, 0, stdout + stderr);
    t.match(stdout, /^PASS/m);
  });
}
