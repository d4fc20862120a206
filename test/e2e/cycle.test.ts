// SPDX-License-Identifier: MIT
/** The standard run: from boot to verdict, twice, with the same result. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { reportIn, snapback } from './cycle-support.js';

const standard = packagePath('test', 'scenarios', 'stock-cycle.yaml');

t.test('the standard cycle passes, and its replay is the same run', async (t) => {
  const dir = t.testdir({});
  const json = join(dir, 'report.json');
  const run = await snapback(['run', standard, '--json', json, '--junit', join(dir, 'junit.xml')]);
  t.equal(run.status, 0, run.stderr);
  t.match(run.stdout, /^PASS {2}/);
  const first = await reportIn(json);
  t.match(first, { verdict: 'pass', method: 'swsusp', cycles: 1, seed: 1, failures: [] });
  t.ok(first.memory.pagesCompared > 1000, `${first.memory.pagesCompared} pages of RAM compared`);
  t.equal(first.memory.pagesDiffering, 0);
  t.ok(first.image.pagesCompared > 1000, `${first.image.pagesCompared} pages of the image compared`);
  t.equal(first.image.pagesDiffering, 0);
  t.ok(first.disk.sectorsCompared > 1_000_000, `${first.disk.sectorsCompared} sectors compared`);
  t.match(first.disk, { sectorsDiffering: 0, originSectorsWritten: 0 });
  t.ok(first.selfChecks.passed > 10, `${first.selfChecks.passed} self-checks`);
  t.equal(first.selfChecks.failed, 0);
  t.match(first.selfChecks.control, { passed: first.selfChecks.passed, failed: 0 });
  t.ok(first.filesystems.length >= 2 && first.filesystems.every(({ clean }) => clean), 'filesystems are clean');
  t.ok(first.frozen.virtualMs > 0 && first.frozen.instructions > 0);
  t.match(await readFile(join(dir, 'junit.xml'), 'utf8'), /failures="0"/);

  const again = join(dir, 'again.json');
  const replay = await snapback(['replay', json, '--json', again]);
  t.equal(replay.status, 0, replay.stderr);
  t.match(replay.stdout, /the same run/);
  const second = await reportIn(again);
  const { realMs: _first, ...one } = first;
  const { realMs: _second, ...other } = second;
  t.same(other, one, 'everything but real time is the same');
});
