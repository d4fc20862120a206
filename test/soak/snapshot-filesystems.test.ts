// SPDX-License-Identifier: MIT
/** Snapshots that are refused because of filesystems, stores and devices, and filesystems of the host. */
import t from 'tap';
import { passing } from '../e2e/cycle-support.js';

t.test('what cannot be done is refused, and changes nothing', async (t) => {
  t.match(await passing('fs-errors'), { verdict: 'pass', cycles: 0, failures: [] });
});

t.test('a filesystem of the host is in the way, or read-only; it is gone after the resume', async (t) => {
  t.match(await passing('fs-host'), {
    verdict: 'pass',
    cycles: 1,
    failures: [],
    memory: { pagesDiffering: 0 },
    image: { pagesDiffering: 0 },
  });
});
