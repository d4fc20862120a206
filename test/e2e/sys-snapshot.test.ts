// SPDX-License-Identifier: MIT
/** snapshot(2): the machine lives on, and comes back as it was at the call. */
import t from 'tap';
import { passing } from './cycle-support.js';

t.test('what the live timeline does leaves no trace in the restored one', async (t) => {
  const report = await passing('sys-snapshot');
  t.match(report, { verdict: 'pass', method: 'sys_snapshot', cycles: 2, failures: [] });
  t.ok(
    report.memory.pagesCompared > 1000 && report.memory.pagesDiffering === 0,
    `${report.memory.pagesCompared} pages of RAM compared`,
  );
  t.equal(report.image.pagesCompared, report.memory.pagesCompared, 'the image holds them all');
  t.equal(report.image.pagesDiffering, 0);
  t.match(report.disk, { sectorsDiffering: 0, originSectorsWritten: 0 });
  t.ok(report.filesystems.length >= 4 && report.filesystems.every(({ clean }) => clean), 'filesystems are clean');
  t.ok(report.selfChecks.passed > 10, `${report.selfChecks.passed} self-checks`);
  t.match(report.selfChecks, { failed: 0, control: { passed: report.selfChecks.passed, failed: 0 } });
  t.ok(report.frozen.virtualMs > 0 && report.frozen.virtualMs < 1000, `frozen for ${report.frozen.virtualMs} ms`);
});
