// SPDX-License-Identifier: MIT
/** What a distribution's kernel has on: filesystems of servers. The soak has its self-checks, and devices that write by themselves. */
import t from 'tap';
import { passing } from './cycle-support.js';

t.test('filesystems of an NFS and an SMB server, open and locked, and the servers as well', async (t) => {
  t.match(await passing('fs-servers'), { verdict: 'pass', failures: [] });
});
