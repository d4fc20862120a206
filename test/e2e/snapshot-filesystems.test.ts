// SPDX-License-Identifier: MIT
/** snapshot(2) and filesystems: all kinds at once, and a store that is full. The soak has those of the host, and refusals. */
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

t.test('a store that is full spoils the live timeline only', async (t) => {
  t.match(await passing('fs-store-full'), {
    verdict: 'pass',
    disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
    image: { pagesDiffering: 0 },
  });
});
