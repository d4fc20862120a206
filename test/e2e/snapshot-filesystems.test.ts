// SPDX-License-Identifier: MIT
/** snapshot(2) and filesystems: all kinds at once, those of the host, refusals, and a store that is full. */
import t from 'tap';
import { passing } from './cycle-support.js';

t.test(
  'a filesystem of each kind, in use: frozen they are clean on disk, and nothing reaches them afterwards',
  async (t) => {
    const report = await passing('fs-all');
    t.match(report, {
      verdict: 'pass',
      failures: [],
      disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
      memory: { pagesDiffering: 0 },
      image: { pagesDiffering: 0 },
    });
    for (const filesystem of ['ext4', 'xfs', 'btrfs', 'f2fs', 'vfat']) {
      const checks = report.filesystems.filter((one) => one.filesystem === filesystem);
      t.same(
        new Set(checks.map(({ at, clean }) => `${at} ${clean}`)),
        new Set(['suspend true', 'shutdown true']),
        filesystem,
      );
    }
  },
);

t.test('a filesystem of the host is in the way, or read-only; it is gone after the resume', async (t) => {
  t.match(await passing('fs-host'), {
    verdict: 'pass',
    cycles: 1,
    failures: [],
    memory: { pagesDiffering: 0 },
    image: { pagesDiffering: 0 },
  });
});

t.test('what cannot be done is refused, and changes nothing', async (t) => {
  t.match(await passing('fs-errors'), { verdict: 'pass', cycles: 0, failures: [] });
});

t.test('a store that is full spoils the live timeline only', async (t) => {
  t.match(await passing('fs-store-full'), {
    verdict: 'pass',
    disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
    image: { pagesDiffering: 0 },
  });
});
