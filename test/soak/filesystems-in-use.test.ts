// SPDX-License-Identifier: MIT
/** Stock hibernation with a filesystem of each kind in use. test/e2e/snapshot-filesystems.test.ts has them in a snapshot. */
import t from 'tap';
import { passing } from '../e2e/cycle-support.js';

t.test('stock hibernation with a filesystem of each kind in use', async (t) => {
  const { failures, filesystems } = await passing('fs-swsusp');
  t.same(failures, []);
  for (const filesystem of ['ext4', 'xfs', 'btrfs', 'f2fs', 'vfat']) {
    const checks = filesystems.filter((one) => one.filesystem === filesystem);
    t.same(
      new Set(checks.map(({ at, clean }) => `${at} ${clean}`)),
      new Set(['suspend true', 'shutdown true']),
      filesystem,
    );
  }
});
